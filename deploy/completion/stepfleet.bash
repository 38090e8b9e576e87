# SPDX-License-Identifier: Apache-2.0
# bash completion for stepfleet. Machine names are asked of the coordinator, silently where it is not there.

_stepfleet_machines() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} machine list --json 2>/dev/null |
        grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_activities() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} activity list --json 2>/dev/null |
        grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_queues() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} queue list --json 2>/dev/null |
        grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_rules() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} rule list --json 2>/dev/null |
        grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_workers() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} workers --json 2>/dev/null |
        grep -o '{"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_jobs() {
    stepfleet ${coordinator:+--coordinator "$coordinator"} job list --json 2>/dev/null |
        grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_stepfleet_runs() {
    local job
    for job in $(_stepfleet_jobs); do
        stepfleet ${coordinator:+--coordinator "$coordinator"} job runs "$job" --json 2>/dev/null |
            grep -o '"jobRunId":"[^"]*"' | cut -d'"' -f4
    done
}

# The words before the cursor in `words`, as they were typed: bash cuts them at ":" and "=" too.
_stepfleet_words() {
    local i word joins=

    words=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ${#words[@]} -gt 0 && ( $joins == yes || $word =~ ^[:=]+$ ) ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
        joins=
        [[ $word =~ ^[:=]+$ ]] && joins=yes
    done
    return 0
}

_stepfleet_options() {
    case $1 in
    dev) echo "--data --workers --worker-config --function --listen --http" ;;
    deploy) echo "--parameter --dry-run --stack --partial" ;;
    "machine create") echo "--type --role-arn --logging --resource" ;;
    "machine update") echo "--role-arn --logging --resource" ;;
    "machine lint") echo "--type --severity --resource" ;;
    "machine show") echo "--revision --definition" ;;
    "machine publish" | "alias create" | "alias update") echo "--description" ;;
    tag) echo "--remove" ;;
    start) echo "--name --input --input-file --wait --sync" ;;
    show | watch) echo "--machine" ;;
    list) echo "--machine --status --prefix --since --until --limit" ;;
    history) echo "--machine --reverse --no-data --limit" ;;
    output) echo "--machine --bucket --output" ;;
    stop) echo "--machine --error --cause" ;;
    redrive) echo "--machine --wait" ;;
    "job show") echo "--definition" ;;
    "job run") echo "--arg --workers --timeout --id --wait" ;;
    "job runs") echo "--limit" ;;
    "job status") echo "--pieces --from" ;;
    "rule create") echo "--pattern --schedule --description --disabled" ;;
    "rule target") echo "--input --input-path --transformer --group --dead-letters --retries --max-age --role-arn" ;;
    "queue create") echo "--fifo --attribute" ;;
    "queue send") echo "--delay --group --dedup" ;;
    "queue receive") echo "--max --wait --visibility --delete" ;;
    "activity poll") echo "--worker --wait --token-file" ;;
    "task success") echo "--token-file --output --output-file" ;;
    "task failure") echo "--token-file --error --cause" ;;
    "task heartbeat") echo "--token-file" ;;
    "backup create") echo "--no-wait" ;;
    "bucket lifecycle") echo "--days --prefix --show --remove" ;;
    "worker drain") echo "--wait" ;;
    "function set") echo "--labels --concurrency --rate --priority" ;;
    "key create") echo "--role --note --profile" ;;
    "token create") echo "--worker --functions --control --role --out --force" ;;
    "cert ca") echo "--out --name --days --force" ;;
    "cert issue") echo "--ca --name --out --days --force" ;;
    esac
}

_stepfleet() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local commands="dev deploy machine alias tag start show list watch history output stop redrive job activity task queue rule event key workers"
    commands+=" worker function scale health bucket backup cert token"
    local globals="--coordinator --ca --token-file --json --help" coordinator= command= sub= operands=0 i word words

    COMPREPLY=()
    if [[ $cur == = ]]; then # --status=
        cur=
    elif [[ $prev == = ]]; then # --status=RUN
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    _stepfleet_words
    for ((i = 0; i < ${#words[@]}; i++)); do
        word=${words[i]}
        case $word in
        --coordinator) coordinator=${words[++i]} ;;
        --coordinator=*) coordinator=${word#*=} ;;
        -h | -V | -r | -- | --help | --version | --json | --sync | --reverse | --no-data | --definition | --fifo | --disabled | --delete | --dry-run | --partial | --show | --force | --*=*) ;;
        --wait) [[ $command =~ ^(activity|queue)$ ]] && i=$((i + 1)) ;;
        --remove) [[ $command != bucket ]] && i=$((i + 1)) ;;
        -*) i=$((i + 1)) ;; # its value
        *)
            if [[ -z $command ]]; then
                command=$word
            elif [[ $command =~ ^(machine|alias|job|activity|task|queue|rule|event|key|worker|function|bucket|backup|cert|token)$ && -z $sub ]]; then
                sub=$word
            else
                operands=$((operands + 1))
            fi
            ;;
        esac
    done
    case $prev in
    --output) [[ $command == task ]] && return ;;&
    --remove) [[ $command != bucket ]] && return ;;
    --data | --worker-config | --input-file | --output-file | --token-file | --ca | --out | -o | --output | -c)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --status | -s) mapfile -t COMPREPLY < <(compgen -W "RUNNING SUCCEEDED FAILED TIMED_OUT ABORTED" -- "$cur") && return ;;
    --severity) mapfile -t COMPREPLY < <(compgen -W "ERROR WARNING" -- "$cur") && return ;;
    --pieces) mapfile -t COMPREPLY < <(compgen -W "PLAN MAP REDUCE JOIN CLEAN" -- "$cur") && return ;;
    --role) mapfile -t COMPREPLY < <(compgen -W "read run admin" -- "$cur") && return ;;
    --type) mapfile -t COMPREPLY < <(compgen -W "STANDARD EXPRESS" -- "$cur") && return ;;
    --machine | -m) mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_machines)" -- "$cur") && return ;;
    --coordinator | --listen | --workers | --function | --name | --input | --prefix | --since | --until | --limit | -n | --error | --cause | \
        --bucket | --role-arn | --logging | --resource | --revision | --worker | --arg | -a | --timeout | --id | --from | --http | --note | --profile | --description | --days | --attribute | --delay | --group | --dedup | --max | --visibility | -f | \
        --pattern | --schedule | --input-path | --transformer | --dead-letters | --control | --functions | --retries | --max-age | --parameter | -p | --stack | --labels | --concurrency | --rate | --priority) return ;;
    --wait) [[ $command =~ ^(activity|queue)$ ]] && return ;;
    esac
    [[ -n $command ]] || globals+=" --version"
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_options "$command${sub:+ $sub}") $globals" -- "$cur")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur")
    elif [[ $command == machine && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create update lint list show delete publish versions unpublish" -- "$cur")
    elif [[ $command == alias && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create update show list delete" -- "$cur")
    elif [[ $command == job && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create update list show delete run runs status watch stop" -- "$cur")
    elif [[ $command == job && $sub =~ ^(update|show|delete|run|runs)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_jobs)" -- "$cur")
    elif [[ $command == job && $sub =~ ^(status|watch|stop)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_runs)" -- "$cur")
    elif [[ $command == job && $sub =~ ^(create|update)$ && $operands -eq 1 ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [[ $command == activity && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create list describe delete poll" -- "$cur")
    elif [[ $command == task && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "success failure heartbeat" -- "$cur")
    elif [[ $command == queue && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create list show send receive purge delete" -- "$cur")
    elif [[ $command == queue && $sub =~ ^(show|send|receive|purge|delete)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_queues)" -- "$cur")
    elif [[ $command == rule && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create list show target untarget enable disable delete" -- "$cur")
    elif [[ $command == rule && $sub =~ ^(show|target|untarget|enable|disable|delete)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_rules)" -- "$cur")
    elif [[ $command == event && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "put" -- "$cur")
    elif [[ $command == key && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create list delete" -- "$cur")
    elif [[ $command == worker && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "list cordon uncordon drain" -- "$cur")
    elif [[ $command == worker && $sub =~ ^(cordon|uncordon|drain)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_workers)" -- "$cur")
    elif [[ $command == function && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "set list show reset" -- "$cur")
    elif [[ $command == bucket && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "lifecycle" -- "$cur")
    elif [[ $command == backup && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create list" -- "$cur")
    elif [[ $command == token && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "create" -- "$cur")
    elif [[ $command == cert && -z $sub ]]; then
        mapfile -t COMPREPLY < <(compgen -W "ca issue show" -- "$cur")
    elif [[ $command == cert && $sub == show && $operands -eq 0 ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [[ $command == activity && $sub =~ ^(describe|delete|poll)$ && $operands -eq 0 ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_activities)" -- "$cur")
    elif [[ $command == deploy && $operands -eq 0 ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [[ $command == machine && ($sub =~ ^(create|lint)$ || $sub == update && $operands -ge 1) ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    elif [[ $command =~ ^(start|machine|tag)$ && $operands -eq 0 && $sub != list || "$command $sub" == "alias list" ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_stepfleet_machines)" -- "$cur")
    elif [[ $operands -eq 0 && $command =~ ^(show|watch|history|output|stop|redrive)$ ]]; then
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -S / -W "$(_stepfleet_machines)" -- "$cur")
    fi
}

complete -F _stepfleet stepfleet
