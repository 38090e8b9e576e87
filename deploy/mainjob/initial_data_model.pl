#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Stage 1, InitialDataModel: every package record of the Debian index as one JSON record. It has no
# stage before it: what it reads is the index, from `apt-cache dumpavail`, else from what dpkg
# knows; MAINJOB_INDEX names a file to be taken instead.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MainJob;

my %escape = ("\n" => '\n', "\t" => '\t', '"' => '\"', '\\' => '\\\\');

# A JSON string; bytes that are not UTF-8 are read as Latin-1.
sub text {
    my ($s) = @_;
    my $copy = $s;
    utf8::encode($s) if !utf8::decode($copy);
    $s =~ s/([\x00-\x1f"\\])/$escape{$1} \/\/ sprintf('\\u%04x', ord $1)/ge;
    return qq("$s");
}

sub list { return '[' . join(',', map { text($_) } @_) . ']'; }

sub number { return ($_[0] // '') =~ /\A([1-9][0-9]{0,14})\z/ ? $1 : 0; }

# "a (>= 1), b:any | c" -> a, b, c; each once.
sub names {
    my %seen;
    return grep { /\A[a-z0-9][a-z0-9+.-]+\z/ && !$seen{$_}++ }
        map { s/\A\s+//r =~ s/[\s:(\[].*//rs } split /[,|]/, join ',', grep { defined } @_;
}

# One paragraph of the index.
sub fields {
    my %field;
    my $name;
    for my $line (split /\n/, $_[0]) {
        if ($line =~ /\A([A-Za-z0-9-]+):\s*(.*)\z/) {
            ($name, $field{$1}) = ($1, $2);
        } elsif (defined $name && $line =~ /\A\s+(.*)\z/) {
            $field{$name} .= " $1";
        }
    }
    return \%field;
}

sub record {
    my ($f) = @_;
    my ($name, $email) = $f->{Maintainer} =~ /\A"?(.*?)"?\s*<([^<>]+)>/;
    my ($source) = ($f->{Source} // $f->{Package}) =~ /\A(\S+)/;
    return join ',', '{"name":' . text($f->{Package}),
        '"version":' . text($f->{Version} // ''),
        '"source":' . text($source),
        '"section":' . text($f->{Section} // ''),
        '"priority":' . text($f->{Priority} // ''),
        '"architecture":' . text($f->{Architecture} // ''),
        '"essential":' . (($f->{Essential} // '') eq 'yes' ? 'true' : 'false'),
        '"maintainer":{"name":' . text($name // $f->{Maintainer}),
        '"email":' . text($email // '') . '}',
        '"installedKiB":' . number($f->{'Installed-Size'}),
        '"bytes":' . number($f->{Size}),
        '"depends":' . list(names($f->{'Pre-Depends'}, $f->{Depends})),
        '"recommends":' . list(names($f->{Recommends})),
        '"suggests":' . list(names($f->{Suggests})),
        '"tags":' . list(split /,\s*/, $f->{Tag} // ''),
        '"homepage":' . text($f->{Homepage} // ''),
        '"description":' . text($f->{Description} // ''),
        '"filename":' . text($f->{Filename} // ''),
        '"sha256":' . text($f->{SHA256} // '') . '}';
}

# The first index that has a package.
sub open_index {
    my @ways = $ENV{MAINJOB_INDEX}
        ? (['cat', '--', $ENV{MAINJOB_INDEX}])
        : (['apt-cache', 'dumpavail'], ['cat', '/var/lib/dpkg/status'],
        ['cat', '/var/lib/dpkg/available']);
    local $/ = "";
    for my $way (@ways) {
        open(my $in, '-|', @$way) or next;
        my $first = <$in>;
        return ($in, $first) if defined $first && $first =~ /^Package: /m;
        close $in;
    }
    MainJob::fail('MainJob.NoIndex', 'no package index: ' . join '; ', map { "@$_" } @ways);
    return;
}

my ($event) = MainJob::begin();
my ($in, $paragraph) = open_index();
{
    local $/ = "";    # paragraphs
    while (defined $paragraph) {
        my $f = fields($paragraph);
        MainJob::put(record($f)) if defined $f->{Package} && defined $f->{Maintainer};
        $paragraph = <$in>;
    }
}
close $in or MainJob::fail('MainJob.NoIndex', 'the package index could not be read to its end');
MainJob::finish($event);
