# SPDX-License-Identifier: Apache-2.0
# What the Perl stages of the main job share: records in, records out, the event, the result.
# The format, and how a worker gives the event and takes the result, are described in mainjob.py.
# All text is bytes: what comes in as UTF-8 goes out as it was.
package MainJob;
use strict;
use warnings;
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;

# The small result, or the error; not the data.
sub say_result {
    my ($value) = @_;
    my $text = $json->encode($value);
    my $out  = \*STDERR;
    if (defined(my $fd = $ENV{STEPFLEET_RESULT_FD})) {
        open($out, '>&=', $fd) or die "descriptor $fd: $!\n";
    }
    print {$out} "$text\n";
    return;
}

# End the program with this failure: Retry and Catch see the type.
sub fail {
    my ($type, $message) = @_;
    say_result({errorType => $type, errorMessage => $message});
    exit 1;
}

sub read_event {
    my $fd = $ENV{STEPFLEET_EVENT_FD};
    return {} if !defined $fd;
    open(my $in, '<&=', $fd) or die "descriptor $fd: $!\n";
    local $/ = undef;
    return $json->decode(scalar <$in>);
}

# The event, after a look at "failAt" (see mainjob.py), and its parameters.
sub begin {
    my $event   = read_event();
    my $stage   = $event->{currentStage};
    my $initial = ref $event->{initialData} eq 'HASH' ? $event->{initialData} : {};
    my $faults  = $ENV{MAINJOB_FAULTS};
    if ($faults && defined $stage && ($initial->{failAt} // '') eq $stage && -e "$faults/$stage") {
        fail('MainJob.InjectedFailure', "$stage fails as long as $faults/$stage exists");
    }
    binmode STDIN;
    binmode STDOUT;
    return ($event, $initial->{parameters} // {});
}

my $read = 0;

# What was there last, and a mark: what is there now.
my %frame = (
    start  => {'[' => 'first'},
    first  => {']' => 'end'},
    record => {',' => 'comma', ']' => 'end'},
);

# Call $do->($record) for each record of stdin; fails where it is no such array, or ends early.
sub each_record {
    my ($do) = @_;
    my $last       = 'start';
    my $bad        = sub { fail('MainJob.BadInput', "input, line $.: $_[0]") };
    my $pass_marks = sub {
        for my $mark ($_[0] =~ /\S/g) {
            $last = $frame{$last}{$mark} // $bad->("\"$mark\" where it does not belong");
        }
    };
    while (defined(my $line = <STDIN>)) {
        my ($before, $text, $after) = $line =~ /\A([\[\],\s]*)(.*?)([\[\],\s]*)\z/s;
        $pass_marks->($before);
        if ($text ne '') {
            $bad->('no "[" or comma before this record') if $last ne 'first' && $last ne 'comma';
            my $record = eval { $json->decode($text) };
            $bad->('not JSON') if !defined $record;
            $bad->('not an object') if ref $record ne 'HASH';
            $last = 'record';
            $read++;
            $do->($record);
        }
        $pass_marks->($after);
    }
    $bad->('the input ends without its "]"') if $last ne 'end';
    return;
}

my $written = 0;

# One record to stdout: a structure, or text that is encoded already.
sub put {
    my ($record) = @_;
    print STDOUT (($written++ ? ",\n" : "[\n"), ref $record ? $json->encode($record) : $record)
        or fail('MainJob.Output', "cannot write: $!");
    return;
}

# End the array and the stage.
sub finish {
    my ($event) = @_;
    print STDOUT ($written ? "\n]\n" : "[\n]\n") or fail('MainJob.Output', "cannot write: $!");
    close STDOUT or fail('MainJob.Output', "cannot write: $!");
    say_result({
        status      => 'SUCCESS',
        stage       => $event->{currentStage},
        recordsRead => $read, recordsWritten => $written,
    });
    return;
}

1;
