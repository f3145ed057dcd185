# fish completion for lowatch(8)

function __lowatch_at --description 'whether the command line has this command, and no other'
    set -l words (string match --invert -- '-*' (commandline -opc))[2..]
    # The value of an option that stands before the command is not a command.
    if set -q words[1]; and contains -- $words[1] debug info warn warning error text logfmt json
        set -e words[1]
    end
    switch "$argv"
        case ''
            not set -q words[1]
        case config
            test "$words" = config
        case 'config *'
            test "$words[1..2]" = "$argv"
        case '*'
            test "$words[1]" = "$argv"
    end
end

complete -c lowatch -f
complete -c lowatch -l help -s h -d 'Show the options'
complete -c lowatch -n __lowatch_at -l version -d 'Show the version'
complete -c lowatch -n 'not __lowatch_at config' -l log.level -x -a 'debug info warn error' -d 'How much to log'
complete -c lowatch -n 'not __lowatch_at config' -l log.format -x -a 'text logfmt json' -d 'How log lines read'

complete -c lowatch -n __lowatch_at -a check -d 'One audit, now'
complete -c lowatch -n __lowatch_at -a explain -d 'Why a verdict is what it is'
complete -c lowatch -n __lowatch_at -a run -d 'The daemon'
complete -c lowatch -n __lowatch_at -a history -d 'What fired, and for how long'
complete -c lowatch -n __lowatch_at -a status -d "Show the daemon's status"
complete -c lowatch -n __lowatch_at -a reload -d 'Have it read its configuration again'
complete -c lowatch -n __lowatch_at -a config -d 'Check or show the configuration'
complete -c lowatch -n __lowatch_at -a demo -d 'Show it all in a throwaway network namespace'
complete -c lowatch -n '__lowatch_at config' -a check -d 'All errors, with file, line and key'
complete -c lowatch -n '__lowatch_at config' -a show -d 'The effective configuration'

for command in check explain run 'config check' 'config show'
    complete -c lowatch -n "__lowatch_at $command" -l config -s c -r -F -d 'The configuration'
    complete -c lowatch -n "__lowatch_at $command" -l config.file -r -F -d 'The configuration'
end
for command in status reload
    complete -c lowatch -n "__lowatch_at $command" -l socket -r -F -d "The daemon's control socket"
    complete -c lowatch -n "__lowatch_at $command" -l timeout -x -d 'Seconds to wait for the daemon'
end

complete -c lowatch -n '__lowatch_at check' -l format -x -a 'text json prometheus' -d 'The report'
complete -c lowatch -n '__lowatch_at check' -l fail-on -x -a 'info warning critical' -d 'What counts for the exit code'
complete -c lowatch -n '__lowatch_at status' -l format -x -a 'text json' -d 'The report'

complete -c lowatch -n '__lowatch_at history' -l since -x -a 'yesterday today -1h -1d -1w' -d 'No older than this'
complete -c lowatch -n '__lowatch_at history' -l until -x -a 'yesterday today -1h -1d -1w' -d 'No younger than this'
set -l kinds orphan-vip missing-vip backlogged-vip wide-prefix black-hole-prefix arp-leak \
    holder-down views-disagree idle-vip
complete -c lowatch -n '__lowatch_at history' -l kind -x -a "$kinds" -d 'Findings of this kind'
complete -c lowatch -n '__lowatch_at history' -l domain -x -d 'Of this domain'
complete -c lowatch -n '__lowatch_at history' -l address -x -d 'Of this address'
complete -c lowatch -n '__lowatch_at history' -l format -x -a 'text json' -d 'The report'
complete -c lowatch -n '__lowatch_at history' -l lines -s n -x -d 'The last ones only'
complete -c lowatch -n '__lowatch_at history' -l unit -x -d 'What lowatch runs as'
complete -c lowatch -n '__lowatch_at history' -l any-writer -d 'Also what other users wrote'
complete -c lowatch -n '__lowatch_at history' -l directory -s D -r -F -d 'The directory of the journal files'
complete -c lowatch -n '__lowatch_at history' -l file -r -F -d 'Journal files'

complete -c lowatch -n '__lowatch_at run' -l config.check -d 'Check the configuration, and do not start'
complete -c lowatch -n '__lowatch_at run' -l web.listen-address -x -d 'Where to serve the metrics'
complete -c lowatch -n '__lowatch_at run' -l web.telemetry-path -x -d 'The path of the metrics'
