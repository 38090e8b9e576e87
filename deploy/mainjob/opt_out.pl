#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Stage 7, OptOut: drops who does not want to be asked. The list is the file MAINJOB_OPTOUT and the
# parameter `optOut`; each entry is "subject ADDRESS", "domain NAME" or "package NAME".
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MainJob;

my %out = (subject => {}, domain => {}, package => {});

sub opt_out {
    my ($where, $entry) = @_;
    my ($kind, $name) = $entry =~ /\A\s*(\S+)\s+(\S+)\s*\z/;
    if (!defined $kind || !$out{$kind}) {
        MainJob::fail('MainJob.BadOptOut',
            "$where: expected subject, domain or package and a name");
    }
    $out{$kind}{lc $name} = 1;
    return;
}

sub read_list {
    my ($path) = @_;
    open(my $in, '<', $path) or MainJob::fail('MainJob.BadOptOut', "$path: $!");
    while (my $line = <$in>) {
        $line =~ s/#.*//s;
        opt_out("$path, line $.", $line) if $line =~ /\S/;
    }
    close $in;
    return;
}

my ($event, $parameters) = MainJob::begin();
read_list($ENV{MAINJOB_OPTOUT}) if $ENV{MAINJOB_OPTOUT};
opt_out('parameter optOut', $_) for @{$parameters->{optOut} // []};
MainJob::each_record(sub {
    my ($record) = @_;
    my $subject = $record->{subject}{id};
    my ($domain) = $subject =~ /@(.*)\z/;
    MainJob::put($record)
        if !$out{subject}{$subject}
        && !$out{domain}{$domain // ''}
        && !$out{package}{$record->{package}{name}};
});
MainJob::finish($event);
