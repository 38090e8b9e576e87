#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Stage 9, Dispatch: one invitation a subject with all packages it is asked for, in batches of
# `batchSize` (50 without that parameter). Its output is the outbox: nothing is sent from here.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MainJob;

my ($event, $parameters) = MainJob::begin();
my $size = $parameters->{batchSize} // 50;
my (@order, %invitation);

MainJob::fail('MainJob.BadParameter', 'batchSize is a number from 1')
    if $size !~ /\A[1-9][0-9]{0,5}\z/;
MainJob::each_record(sub {
    my ($record) = @_;
    my $id = $record->{subject}{id};
    if (!$invitation{$id}) {
        push @order, $id;
        $invitation{$id} = {id => $id, name => $record->{subject}{name}, packages => []};
    }
    push @{$invitation{$id}{packages}},
        {
        name   => $record->{package}{name},
        source => $record->{package}{source},
        map { $_ => $record->{$_} } qw(score need dependents because),
        };
});

for (my $batch = 1; @order; $batch++) {
    my @messages = map { $invitation{$_} } splice @order, 0, $size;
    for my $message (@messages) {
        my @names = map { $_->{name} } @{$message->{packages}};
        my $more  = @names - 1;
        $message->{subject} = "Help wanted: $names[0]" . ($more ? " and $more more" : '');
    }
    MainJob::put({batch => $batch, count => scalar @messages, messages => \@messages});
}
MainJob::finish($event);
