/* SPDX-License-Identifier: Apache-2.0 */
/* Every bound there is, with its reason. AWS's quotas carry their AWS value; ours say why. */
#ifndef STEPFLEET_BASE_LIMITS_H
#define STEPFLEET_BASE_LIMITS_H

enum limits {
    /* AWS quotas: the strict mode. */
    LIMIT_PAYLOAD_BYTES = 262144,     /* input, output, result of a state, task or execution */
    LIMIT_DEFINITION_BYTES = 1048576, /* text of a definition */
    LIMIT_HISTORY_EVENTS = 25000,     /* of a Standard execution */
    LIMIT_NAME_CHARS = 80,            /* machine, execution, state */
    LIMIT_ERROR_BYTES = 256,          /* a failure's error name */
    LIMIT_CAUSE_BYTES = 32768,        /* a failure's cause */
    LIMIT_VARIABLES_BYTES = 10 * 1024 * 1024, /* of all variables of an execution */
    LIMIT_MAP_CONCURRENCY = 40,               /* iterations of an Inline Map at once */
    LIMIT_EXPRESS_MS = 5 * 60 * 1000,         /* an Express execution's life */
    LIMIT_PAGE_DEFAULT = 100,                 /* maxResults 0 */
    LIMIT_PAGE_MAX = 1000,                    /* maxResults */
    LIMIT_DIAGNOSTICS = 100,                  /* maxResults of ValidateStateMachineDefinition */
    LIMIT_ACTIVITIES = 10000,                 /* ActivityLimitExceeded past it */
    LIMIT_ACTIVITY_POLLS = 1000,              /* that ask for tasks of one activity at once */
    LIMIT_ACTIVITY_POLL_MS = 60000,           /* GetActivityTask answers by then */
    LIMIT_VERSIONS = 1000,                    /* of one state machine */
    LIMIT_ALIASES = 100,                      /* likewise */
    LIMIT_DESCRIPTION_CHARS = 256,            /* of a version or an alias */
    LIMIT_TAGS = 50,                          /* of one resource */
    LIMIT_LIST_MACHINES = 200,                /* lanes that one list merges, each an iterator */
    LIMIT_LIST_ROWS = 100000,                 /* lines one page looks at for a prefix */
    LIMIT_PAGE_BYTES = 4 * 1024 * 1024, /* a page's text: below the frame, above any one event */
    LIMIT_OPEN_EXECUTIONS = 1000000,    /* ExecutionLimitExceeded past it */
    LIMIT_MACHINES = 100000,            /* StateMachineLimitExceeded past it */
    LIMIT_ROLE_BYTES = 256,             /* a role's ARN */
    LIMIT_JOB_STOPS = 25,               /* BatchStopJobRun: AWS's */
    LIMIT_GLUE_PAGE = 200,              /* GetJobRuns: AWS's */
    LIMIT_TRACE_BYTES = 256,            /* traceHeader: AWS's */
    LIMIT_LOGGING_BYTES = 16384,        /* loggingConfiguration: kept in memory with each machine */
    LIMIT_LOG_QUEUE_BYTES = 64 * 1024 * 1024,   /* to be logged: what is more is left out */
    LIMIT_REDRIVE_DAYS = 14,                    /* a closed execution may be redriven that long */
    LIMIT_TRACE_QUEUE_BYTES = 16 * 1024 * 1024, /* of spans to be sent: likewise */
    LIMIT_TRACE_EVENTS = 100000,        /* of an execution: what is behind them has no spans */
    LIMIT_RETENTION_DAYS = 90,          /* a closed Standard execution is kept that long */
    LIMIT_RETENTION_OUTPUTS_DAYS = 7,   /* what a stage wrote, unless its execution runs */
    LIMIT_RETENTION_EXPRESS_DAYS = 1,   /* an Express one; AWS keeps nothing of them but logs */
    LIMIT_TIMEOUT_SECONDS = 99999999,   /* TimeoutSeconds and Wait Seconds */
    LIMIT_MAX_DELAY_SECONDS = 31622400, /* MaxDelaySeconds */
    LIMIT_WAIT_DAYS = 24856,            /* "Wait state delay is too long." from there */
    LIMIT_INTRINSIC_TEXT_BYTES = 10000, /* Base64 and Hash arguments */

    /* Topics. */
    LIMIT_TOPIC_NAME_CHARS = 256, /* AWS, as those that follow; of an attribute, too */
    LIMIT_TOPIC_SUBJECT_CHARS = 100,
    LIMIT_TOPIC_FILTERS = 200,       /* of one topic */
    LIMIT_TOPICS = 10000,            /* all of them are in memory, as are */
    LIMIT_SUBSCRIPTIONS = 10000,     /* those to all topics, and */
    LIMIT_TOPIC_SUBSCRIPTIONS = 256, /* to one: 256 KiB into each are 64 MiB of one batch */
    LIMIT_TOPIC_ATTRIBUTES = 64,     /* names of attributes that a topic can have: AWS has 30 */

    /* Event patterns, filter policies, input templates. */
    LIMIT_TEMPLATE_BYTES = 8192,        /* AWS: InputTemplate */
    LIMIT_TEMPLATE_PATHS = 100,         /* AWS: of InputPathsMap */
    LIMIT_PATTERN_BYTES = 4096,         /* AWS: of EventBridge and of pipes */
    LIMIT_FILTER_POLICY_BYTES = 262144, /* AWS: of SNS */
    LIMIT_FILTER_KEYS = 5,              /* AWS: of SNS, the outermost */
    LIMIT_FILTER_COMBINATIONS = 150,    /* AWS: of SNS, of values of all keys */
    LIMIT_PATTERN_DEPTH = 100,          /* names in names: matching recurses over them */
    LIMIT_PATTERN_ABSENCES = 256,       /* fields that may be absent: a byte of stack each */
    LIMIT_PATTERN_VISITS = 16000000,    /* names and values one match looks at, some 0.1 s */

    /* The language. */
    LIMIT_JSON_DEPTH = 512,               /* containers in containers: the parser's own stack */
    LIMIT_JSON_BYTES = 256 * 1024 * 1024, /* one text: its nodes are counted in 32 bits */
    LIMIT_DEFINITION_DEPTH = 64,          /* scopes in scopes: recursion of parser and engine */
    LIMIT_INTRINSIC_DEPTH = 10,           /* AWS: nested intrinsic calls */
    LIMIT_EXPRESSION_BYTES =
        64 * 1024 * 1024,           /* one template or call makes: texts double in calls */
    LIMIT_PATH_STEPS = 128,         /* steps of one JSONPath: evaluation recurses over them */
    LIMIT_PATH_VISITS = 1000000,    /* nodes one JSONPath looks at: "$..*..*" must end soon */
    LIMIT_SHARED_VISITS = 16000000, /* nodes all paths of one template or Choice look at */
    LIMIT_FILTER_DEPTH = 16,        /* filters in filters and parentheses of one JSONPath */
    LIMIT_REGEX_STATES = 1000,   /* of one regular expression: a match costs that per character */
    LIMIT_RETRIERS = 32,         /* of one state: counters live in the frame */
    LIMIT_STEP_TRANSITIONS = 64, /* of one engine step: a Pass loop must not hold the writer */

    /* The wire. */
    LIMIT_FRAME_BYTES = 8 * 1024 * 1024, /* one message: a batch of 256 KiB results and leases */
    LIMIT_WORKERS = 1000,                /* registered at once: each parks a poll in a context */
    LIMIT_WORKER_SLOTS = 8192,           /* of one worker */
    LIMIT_WORKER_FUNCTIONS = 1024,       /* one worker offers */
    LIMIT_LABELS_BYTES = 4096,           /* of one worker: kept for LIMIT_WORKERS of them */
    LIMIT_REPORTS = 512,                 /* results in one report message */
    LIMIT_POLL_MS = 20000,               /* a parked poll is answered by then */
    LIMIT_LOG_TAIL_BYTES = 4096,         /* Lambda: the end of a log that goes with a result */
    LIMIT_LEASE_MS_MIN = 500,            /* a third of it must outlast a slow disk's sync */
    LIMIT_LEASE_MS_MAX = 24 * 60 * 60 * 1000, /* a lost worker's tasks wait so long */
    LIMIT_HANDOVER_MS =
        100,              /* a worker's next task of its own report goes before one queued since */
    LIMIT_TURNS = 16,     /* one grant of so many goes to what has waited longest */
    LIMIT_CORDONS = 4096, /* names of workers that take no more: those here, and as many to come */
    LIMIT_TERMS = 10000,  /* functions that operators ask something of: all are in memory */
    LIMIT_TERM_LABELS = 16,        /* labels a function asks for */
    LIMIT_LABEL_BYTES = 256,       /* of a label's key, and of its value */
    LIMIT_RATE_MILLI = 1000000000, /* a million grants a second: above any coordinator's */
    LIMIT_PRIORITY = 1000000,      /* of a function, either way */
    LIMIT_AVOIDED = 64,      /* tasks passed over in one queue because they avoid the worker */
    LIMIT_RESEND_MS = 2000,  /* a grant not among those held is sent again after that */
    LIMIT_WAITS = 512,       /* calls parked for news of executions */
    LIMIT_POLLS = 1024,      /* calls parked for tasks of all activities */
    LIMIT_CONTEXTS = 4096,   /* requests in hand at once: well above all that may be parked */
    LIMIT_AUTH_BYTES = 4096, /* credentials in the envelope */
    LIMIT_TOKEN_BYTES = 128, /* of a token's secret: kept with each connection; ours have 47 */
    LIMIT_TOKENS = 4096,     /* all of them are in memory: one a worker, and as many again */
    LIMIT_TOKENS_BYTES = 16 * 1024 * 1024, /* of their file: functions by name in each line */
    LIMIT_STRANGERS = 1024, /* connections that have shown no token yet, some 64 KiB each at most */
    LIMIT_GREETING_MS = 10000,      /* handshake and greeting: a round trip of seconds and all */
    LIMIT_LINK_ACCEPTS = 100,       /* in a tenth of a second: handshakes take a fifth of a core */
    LIMIT_LINK_CONNECTIONS = 16384, /* over TLS, with their tokens: as those of HTTP */
    LIMIT_LINK_UNSENT_BYTES = 16 * 1024 * 1024, /* of answers to one: no more is read from it */
    LIMIT_LINK_WRITE_MS = 60000,                /* until it has taken some of them */
    LIMIT_LINK_LINGER_MS = 2000, /* who was refused reads why, before the socket is gone */

    /* HTTP. */
    LIMIT_HTTP_CONNECTIONS = 16384,      /* some 700 bytes each while idle, 6 KiB while parked */
    LIMIT_HTTP_TARGET_BYTES = 8 * 1024,  /* a presigned query has some 600 */
    LIMIT_HTTP_HEAD_BYTES = 32 * 1024,   /* names and values: SDKs send some 800 */
    LIMIT_HTTP_HEADERS = 64,             /* SDKs send a dozen */
    LIMIT_HTTP_BODY_BYTES = 4194304,     /* a definition of 1 MiB, escaped in a JSON string */
    LIMIT_HTTP_HELD_BYTES = 268435456,   /* of all bodies in hand: unsigned ones are among them */
    LIMIT_HTTP_FRAMING_BYTES = 1048576,  /* of one body, beside its bytes: one-byte chunks */
    LIMIT_HTTP_AHEAD_BYTES = 128 * 1024, /* kept of what is sent before an answer has left */
    LIMIT_HTTP_HEAD_MS = 10000,          /* from a request's first byte to its last header */
    LIMIT_HTTP_BODY_MS = 60000,          /* 4 MiB over half a megabit a second */
    LIMIT_HTTP_IDLE_MS = 75000,          /* between requests: above what SDKs keep theirs for */
    LIMIT_HTTP_WRITE_MS = 60000,         /* until the client has taken an answer */
    LIMIT_HTTP_LINGER_MS = 2000,         /* a refused client reads why, before its socket is gone */
    LIMIT_QUERY_PARAMETERS = 2048,       /* of one form: a batch of ten has some 400 */
    LIMIT_QUERY_DEPTH = 12,              /* parts of a parameter's name: AWS's have 8 */
    LIMIT_HTTP_SKEW_MS = 300000,         /* AWS: a signature's time from ours */
    LIMIT_HTTP_PRESIGNED_SECONDS = 604800,      /* AWS: X-Amz-Expires */
    LIMIT_KEYS = 1000,                          /* access keys: all of them are in memory */
    LIMIT_AUDIT_QUEUE_BYTES = 16 * 1024 * 1024, /* lines that wait: seconds of a stalled disk */
    LIMIT_AUDIT_TEXT_BYTES =
        512,                     /* of one name: the longest ARN has some 260, 6 times so escaped */
    LIMIT_AUDIT_STRANGERS = 100, /* refusals a second of whoever shows nothing: 2 GB a day */
    LIMIT_BACKUP_NAME_BYTES = 64,          /* also of a database's file: RocksDB's have some 20 */
    LIMIT_BACKUPS = 1000,                  /* listed at once: one a day for years */
    LIMIT_BACKUP_MANIFEST_BYTES = 4 << 20, /* 100,000 files of 64 MiB each */
    LIMIT_DISK_PERCENT = 5,                /* kept free of the disk for what runs, */
    LIMIT_DISK_RESERVE_BYTES = 1 << 30,    /* but no more: a compaction and minutes of ends */
    LIMIT_DISK_PERCENT_MAX = 50,           /* more is a mistake */
    LIMIT_DISK_LOOK_MS = 1000,             /* a fast disk fills by 1 GB meanwhile */
    LIMIT_METRICS_TOKENS_BYTES = 4096,     /* the file of those that may scrape: some 60 */

    /* Metrics. */
    LIMIT_FIGURE_NAMES = 256, /* machines, queues and functions that count by their own name, of
                                 each: a scrape is some 20 lines for each */

    /* Outputs. */
    LIMIT_PART_BYTES_MIN = 5 * 1024 * 1024, /* S3: parts but the last */
    LIMIT_PARTS = 10000,                    /* S3: of one upload */
    LIMIT_KEY_BYTES = 1024,                 /* S3: an object's key */
    LIMIT_SIGN = 64,                        /* requests signed at once: a loop's turn is short */
    LIMIT_UPLOAD_ID_BYTES = 1024,           /* as stores give them */
    LIMIT_MARK_BYTES = 255,                 /* metadata value, well below S3's 2 KB */
    LIMIT_COMMIT_MS = 60000,                /* a report waits so long for its outputs' completion */
    LIMIT_BUCKETS = 256,                    /* the sweeper looks after: one META row */
    LIMIT_SETTLED = 16384,                  /* completions remembered for the sweeper: 128 KiB */
    LIMIT_DOUBTFUL = 1024,                  /* of them on disk: one META row of 8 KiB */

    /* Jobs. */
    LIMIT_JOBS = 10000,              /* as activities: all of them are in memory */
    LIMIT_JOB_PIECES = 100000,       /* of a phase: some 60 bytes of memory, and a row, each */
    LIMIT_JOB_PARTITIONS = 4096,     /* each shard's output has an index of them */
    LIMIT_JOB_LIVE = 8192,           /* attempts of a run at once: as many as one worker's slots */
    LIMIT_JOB_WORKERS = 2048,        /* a run knows: all registered, and as many that have left */
    LIMIT_JOB_RUNS = 1000,           /* MaxConcurrentRuns: each has its arrays in memory */
    LIMIT_JOB_RETRIES = 100,         /* MaxAttempts: counted in 8 bits */
    LIMIT_JOB_LOSSES = 8,            /* workers lost with a piece before that costs attempts */
    LIMIT_JOB_DELAY_SECONDS = 86400, /* between the attempts of a piece: below a run's life */
    LIMIT_JOB_TIMEOUT_MINUTES = 10080, /* AWS Glue: seven days */
    LIMIT_JOB_ARGUMENTS = 256,         /* of one run: they travel with each piece */
    LIMIT_JOB_ARGUMENT_BYTES = 65536,  /* keys and values together: a quarter of a payload */
    LIMIT_JOB_KEYS = 8,              /* of a shuffle: so many values of each record are compared */
    LIMIT_JOB_PATH_BYTES = 256,      /* a key's Path or Column: evaluated for each record */
    LIMIT_JOB_SHARD_BYTES = 65536,   /* and more: below it a shard costs more than its bytes */
    LIMIT_JOB_COUNTERS = 32,         /* names a run counts under: kept in each piece's row */
    LIMIT_JOB_COUNTER_BYTES = 64,    /* of such a name */
    LIMIT_JOB_CLEAN_MS = 3600000,    /* the second clean-up after a run's end: as sweep_age */
    LIMIT_JOB_CLEAN_MS_MIN = 1000,   /* below it what was ended has not stopped yet */
    LIMIT_JOB_TICK_MS = 500,         /* between looks at all live attempts of a run */
    LIMIT_JOB_GRANTS_A_TURN = 256,   /* of all runs: a turn stays short */
    LIMIT_JOB_DELETES_A_TURN = 1024, /* rows of runs that are over: likewise */
    LIMIT_JOB_RUNS_KEPT = 1000,      /* of a job, those that are over: as many as one page */
    LIMIT_RECORD_BYTES = 64 * 1024 * 1024, /* of one that is looked at: it lies whole in memory */
    LIMIT_HEADER_BYTES = 64 * 1024,        /* of a CSV header: it goes with every shard */
    LIMIT_SORT_KEY_BYTES = 64 * 1024,      /* of a record's: it is kept beside the record */
    LIMIT_RUN_FRAME_BYTES = 64 * 1024, /* of a run under one checksum: a reader holds one whole */

    /* Queues. */
    LIMIT_QUEUES = 10000,             /* all of them are in memory, some 1 KiB each */
    LIMIT_QUEUE_IN_FLIGHT = 120000,   /* AWS: of one queue; OverLimit past it */
    LIMIT_QUEUE_FIFO_WINDOW = 120000, /* AWS: messages looked at for a group that is not blocked */
    LIMIT_QUEUE_FIFO_OPEN = 64,       /* groups that are not blocked: as many are enough */
    LIMIT_QUEUE_READY = 8192, /* of a queue in memory that nobody asked for, 150 bytes each */
    LIMIT_QUEUE_READY_ALL = 2097152, /* of all queues: each has its share, but 256 at least */
    LIMIT_QUEUE_READY_MIN = 256,
    LIMIT_QUEUE_LOAD = 1024,                     /* rows of one load: a turn stays short */
    LIMIT_QUEUE_LOAD_BYTES = 4 * 1024 * 1024,    /* and their bytes: likewise */
    LIMIT_QUEUE_BODIES_BYTES = 32 * 1024 * 1024, /* read, or written, of late, of all queues */
    LIMIT_QUEUE_RECEIVE_BYTES = 4 * 1024 * 1024, /* bodies of one receive, and one more: a frame */
    LIMIT_QUEUE_ANSWERS_A_TURN = 64,   /* polls of one queue: 256 MiB of bodies at the most */
    LIMIT_QUEUE_RECEIVE_LOOKS = 256,   /* messages of one receive, with dead letters on their way */
    LIMIT_QUEUE_DELETES_A_TURN = 1024, /* rows of queues that are deleted or purged: likewise */
    LIMIT_QUEUE_MOVES_A_TURN = 256,    /* messages of move tasks: likewise */
    LIMIT_QUEUE_POLLS = 4096,          /* calls that wait for messages of one queue */
    LIMIT_QUEUE_VISIBILITY_S = 43200,  /* AWS: twelve hours from the receive */
    LIMIT_QUEUE_RETENTION_S_MIN = 60,  /* AWS, like all that follow */
    LIMIT_QUEUE_RETENTION_S_MAX = 1209600,
    LIMIT_QUEUE_DELAY_S = 900,
    LIMIT_QUEUE_WAIT_S = 20,
    LIMIT_QUEUE_MESSAGE_BYTES_MIN = 1024,
    LIMIT_QUEUE_MESSAGE_BYTES = 1048576, /* and of one batch */
    LIMIT_QUEUE_BATCH = 10,
    LIMIT_QUEUE_ATTRIBUTES = 10, /* of one message */
    LIMIT_QUEUE_DEDUP_MS = 5 * 60 * 1000,
    LIMIT_QUEUE_ATTEMPTS = 256,   /* receives a FIFO queue remembers by their ids, 0.5 KiB each */
    LIMIT_QUEUE_DEDUPS = 4000000, /* of one queue, some 100 bytes each: 13,000 a second */
    LIMIT_QUEUE_PURGE_MS = 60000, /* between two purges */
    LIMIT_QUEUE_RECEIVES = 1000,  /* maxReceiveCount */
    LIMIT_QUEUE_POLICY_BYTES = 65536,
    LIMIT_QUEUE_MOVES_PER_S = 500, /* and where a move task does not say */
    LIMIT_QUEUE_MOVE_TASKS = 10,   /* kept and shown of one queue */

    /* Pipes. */
    LIMIT_PIPES = 1000,                /* AWS; all of them are in memory, some 1 KiB each */
    LIMIT_PIPE_PAGE = 100,             /* AWS: of a list */
    LIMIT_PIPE_BATCHES = 1000,         /* AWS: in flight at once, of one pipe */
    LIMIT_PIPE_BATCH = 10000,          /* AWS: messages */
    LIMIT_PIPE_FIFO_BATCH = 10,        /* AWS: of a FIFO queue, and where nothing waits for more */
    LIMIT_PIPE_WINDOW_S = 300,         /* AWS */
    LIMIT_PIPE_STARTS_A_TURN = 64,     /* batches of one pipe: a turn stays short */
    LIMIT_PIPE_MESSAGES_A_TURN = 1024, /* likewise */
    LIMIT_PIPE_BYTES_A_TURN =
        8 * 1024 * 1024, /* of all pipes: a turn has some times that in memory */

    /* Triggers. */
    LIMIT_SCHEDULE_BYTES = 256,       /* AWS: a ScheduleExpression */
    LIMIT_SCHEDULE_RATE = 2147483647, /* of rate(): so many days are milliseconds in 64 bits */
    LIMIT_SCHEDULE_LATE_MS =
        24 * 3600000,                   /* AWS: an event that could not be delivered is dropped */
    LIMIT_RULES = 300,                  /* AWS: of one event bus */
    LIMIT_RULE_TARGETS = 5,             /* AWS: of one rule */
    LIMIT_RULE_NAME_CHARS = 64,         /* AWS */
    LIMIT_RULE_INPUT_BYTES = 8192,      /* AWS: a target's constant input */
    LIMIT_RULE_DESCRIPTION_BYTES = 512, /* AWS */
    LIMIT_RULE_PATH_BYTES = 256,        /* AWS: an InputPath */
    LIMIT_RULE_GROUP_BYTES = 128,       /* AWS: a MessageGroupId */
    LIMIT_RULE_PATTERN_BYTES = 4096,    /* AWS: an EventPattern */
    LIMIT_RULE_RUNS_A_TURN = 64,        /* rules whose time has come: a turn stays short */
    LIMIT_EVENT_ENTRIES = 10,           /* AWS: of one PutEvents */
    LIMIT_EVENT_BYTES = 256 * 1024,     /* AWS: likewise, in all */
    LIMIT_EVENT_COPIES_BYTES = 64 * 1024 * 1024, /* of one event to all its targets, with those of
                                                    its turn: 1,500 would take most of a gigabyte */
    LIMIT_EVENT_DOCUMENT_BYTES = 248 * 1024,     /* AWS: input and output in an execution's event */
    LIMIT_DELIVERIES_A_TURN = 256,    /* of events to targets: a turn stays short, those left over
                                         are rows */
    LIMIT_DELIVERIES = 100000,        /* that wait: some 100 bytes of memory each */
    LIMIT_DELIVERY_FLIGHTS = 256,     /* of handlers and webhooks: each has its input in memory */
    LIMIT_HANDLER_RETRIES = 2,        /* AWS: of an asynchronous invocation whose function fails */
    LIMIT_WEBHOOKS = 3000,            /* AWS: connections, and API destinations; in memory */
    LIMIT_WEBHOOK_URL_BYTES = 2048,   /* AWS: an endpoint */
    LIMIT_WEBHOOK_SECRET_BYTES = 512, /* AWS: a name or secret of a connection */
    LIMIT_WEBHOOK_RATE = 300,         /* AWS: requests a second, and where nothing is said */
    LIMIT_WEBHOOK_MS = 5000,          /* AWS: of one request */
    LIMIT_WEBHOOK_ANSWER_BYTES = 64 * 1024, /* more of an answer is not waited for */
    LIMIT_DELIVERY_RETRIES = 185,           /* AWS: and where a target does not say */
    LIMIT_DELIVERY_AGE_S = 86400,           /* AWS: likewise */
    LIMIT_DELIVERY_AGE_S_MIN = 60,          /* AWS */
    LIMIT_DELIVERY_WAIT_MS = 480000,        /* between two tries at most: 185 of them are a day */

    /* Executions that go for their age. */
    LIMIT_RETENTION_LOOKS_A_TURN = 512,   /* rows of the index: a turn stays short */
    LIMIT_RETENTION_DELETES_A_BATCH = 64, /* executions, each of up to 65 deletes */
    LIMIT_ARCHIVES = 16,                  /* handed out at once: each reads a history */
    LIMIT_OUTPUT_KEYS = 4096,             /* of old outputs, in memory before they are removed */
    LIMIT_SWEEP_UPLOADS = 1024,           /* of one bucket and sweep: the next finds the others */

    /* The coordinator's memory. */
    LIMIT_HOT_BYTES = 64 * 1024 * 1024, /* idle executions are parked sooner past it */
    LIMIT_PARK_AFTER_MS = 200,          /* idle for so long: looked at for parking */
    LIMIT_PARK_IDLE_MS = 5000,          /* and waiting at least that long yet: parked */
    LIMIT_TIMER_WINDOW_MS = 60000,      /* parked timers due within it are loaded */
    LIMIT_CLOCK_AHEAD_MS = 60000,       /* more at once, while it runs, is not believed */
    LIMIT_CLOCK_DOUBT_MS = 600000,      /* before it has been so for as long as this */
    LIMIT_CLOCK_BACK_MS = 24 * 3600000, /* over a restart: caught up with, instead of going back */
    LIMIT_EXPRESS_KEPT = 1000,          /* finished Express executions that can still be shown */
    LIMIT_EXPRESS_KEPT_BYTES = 64 * 1024 * 1024, /* of their records */
    LIMIT_EXPRESS_BYTES = 64 * 1024 * 1024,      /* records of one: in memory, and one commit */
    LIMIT_SHOWN_FRAMES = 100,                    /* of one execution: a Map may have thousands */
    LIMIT_CALLS_A_TURN = 256,                    /* operations tasks ask for: a turn stays short */
    LIMIT_NOTICES_A_TURN = 1024, /* that executions have for others: a turn stays short */
    LIMIT_WAITERS = 1024, /* tasks that wait for executions others started: one META row of them */
    LIMIT_BATCH_BYTES = 16 * 1024 * 1024, /* of one commit: past it requests wait for the next */
};

/* How far the configuration may lift a quota of AWS: results travel whole, several to a message,
 * and a history is counted in 64 bits but read in pages. */
enum {
    LIMIT_PAYLOAD_BYTES_MAX = 1024 * 1024,
    LIMIT_HISTORY_EVENTS_MAX = 10000000,
    LIMIT_BINDINGS =
        256, /* integrations bound to handlers: searched for each Task of a definition */
};

#endif
