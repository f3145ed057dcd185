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
complete -c lowatch -n 'not __lowatch_at config' -l log.level -x -a 'debug info warn error' -d 'Log level'
complete -c lowatch -n 'not __lowatch_at config' -l log.format -x -a 'text logfmt json' -d 'Log format'

complete -c lowatch -n __lowatch_at -a check -d 'Audit this host once'
complete -c lowatch -n __lowatch_at -a explain -d 'Show why a domain or an address has its verdict'
complete -c lowatch -n __lowatch_at -a run -d 'Run the daemon in the foreground'
complete -c lowatch -n __lowatch_at -a history -d 'List past alerts from the journal'
complete -c lowatch -n __lowatch_at -a status -d "Show the daemon's status"
complete -c lowatch -n __lowatch_at -a clean -d 'Show what would fix this host, and carry it out'
complete -c lowatch -n __lowatch_at -a ack -d 'Acknowledge a finding until a date'
complete -c lowatch -n __lowatch_at -a reload -d "Reload the daemon's configuration"
complete -c lowatch -n __lowatch_at -a setup -d 'Install what a source of lookups needs'
complete -c lowatch -n __lowatch_at -a snapshot -d 'Record an audit, to judge it again elsewhere'
complete -c lowatch -n __lowatch_at -a diff -d 'Show what changed between two recordings, or since one'
complete -c lowatch -n __lowatch_at -a config -d 'Check or show the configuration'
complete -c lowatch -n __lowatch_at -a demo -d 'Show lowatch at work in a throwaway network namespace'
complete -c lowatch -n '__lowatch_at demo' -a orphan -d 'A configured domain'
complete -c lowatch -n '__lowatch_at demo' -a zero -d 'No name is configured'
complete -c lowatch -n '__lowatch_at setup' -a resolved -d "systemd-resolved's monitor"
complete -c lowatch -n '__lowatch_at setup' -a dnstap -d 'unbound, BIND and others'
complete -c lowatch -n '__lowatch_at setup' -a trace -d 'The programs that fail'
complete -c lowatch -n '__lowatch_at setup' -l undo -d 'Take away what was installed'
complete -c lowatch -n '__lowatch_at setup' -l dry-run -d 'Only show it'
complete -c lowatch -n '__lowatch_at config' -a check -d 'Report all errors, with file, line and key'
complete -c lowatch -n '__lowatch_at config' -a show -d 'Show the effective configuration'

for command in check explain run clean ack snapshot diff 'config check' 'config show'
    complete -c lowatch -n "__lowatch_at $command" -l config -s c -r -F -d 'Configuration file'
    complete -c lowatch -n "__lowatch_at $command" -l config.file -r -F -d 'Configuration file'
end
for command in status clean ack reload snapshot
    complete -c lowatch -n "__lowatch_at $command" -l socket -r -F -d 'Control socket of the daemon'
    complete -c lowatch -n "__lowatch_at $command" -l timeout -x -d 'Seconds to wait for the daemon'
end

for command in check explain
    complete -c lowatch -n "__lowatch_at $command" -l snapshot -r -F -d 'Recording to judge instead of this host'
end
for command in check explain run snapshot
    complete -c lowatch -n "__lowatch_at $command" -l netns -r -F -a '(command ls /run/netns 2>/dev/null)' \
        -d 'Network namespace to audit, by name or path'
end
for command in ack history status reload
    complete -c lowatch -n "__lowatch_at $command" -l netns -x -a '(command ls /run/netns 2>/dev/null)' \
        -d 'Network namespace of the daemon'
end
complete -c lowatch -n '__lowatch_at snapshot' -l output -s o -r -F -d 'Where to write it'
complete -c lowatch -n '__lowatch_at snapshot' -l redact -d 'Replace names, addresses, interfaces and units'
complete -c lowatch -n '__lowatch_at snapshot' -l daemon -d "Record the daemon's last audit"
complete -c lowatch -n '__lowatch_at diff' -F

complete -c lowatch -n '__lowatch_at check' -l format -x -a 'text json prometheus' -d 'Report format'
complete -c lowatch -n '__lowatch_at check' -l fail-on -x -a 'info warning critical' -d 'Lowest severity that makes the exit code 1'
complete -c lowatch -n '__lowatch_at check' -l verify -d 'Compare verdicts with connects, decoders with libraries'
complete -c lowatch -n '__lowatch_at status' -l format -x -a 'text json' -d 'Report format'

complete -c lowatch -n '__lowatch_at history' -l since -x -a 'yesterday today -1h -1d -1w' -d 'Alerts since this time'
complete -c lowatch -n '__lowatch_at history' -l until -x -a 'yesterday today -1h -1d -1w' -d 'Alerts until this time'
set -l kinds orphan-vip missing-vip captured-vip backlogged-vip filtered-vip wide-prefix black-hole-prefix \
    arp-leak holder-down duplicate-vip source-vip views-disagree refused-vip idle-vip
complete -c lowatch -n '__lowatch_at history' -l kind -x -a "$kinds" -d 'Alerts of this kind'
complete -c lowatch -n '__lowatch_at ack' -a "$kinds" -d 'Kind'
complete -c lowatch -n '__lowatch_at clean' -a "$kinds" -d 'Kind'
complete -c lowatch -n '__lowatch_at clean' -l apply -d 'Carry it out'
complete -c lowatch -n '__lowatch_at clean' -l yes -d 'Do not ask'
complete -c lowatch -n '__lowatch_at clean' -l undo -r -F -d 'Undo script to carry out'
complete -c lowatch -n '__lowatch_at ack' -l list -d 'List all acknowledgements'
complete -c lowatch -n '__lowatch_at ack' -l remove -d 'Remove an acknowledgement'
complete -c lowatch -n '__lowatch_at ack' -l until -x -d 'Date until which it is accepted'
complete -c lowatch -n '__lowatch_at ack' -l reason -x -d 'Why it is accepted'
complete -c lowatch -n '__lowatch_at history' -l domain -x -d 'Alerts of this domain'
complete -c lowatch -n '__lowatch_at history' -l address -x -d 'Alerts of this address'
complete -c lowatch -n '__lowatch_at history' -l format -x -a 'text json' -d 'Report format'
complete -c lowatch -n '__lowatch_at history' -l lines -s n -x -d 'Only the last COUNT alerts'
complete -c lowatch -n '__lowatch_at history' -l follow -s f -d 'Show alerts as they come'
complete -c lowatch -n '__lowatch_at history' -l unit -x -d 'Systemd unit of lowatch'
complete -c lowatch -n '__lowatch_at history' -l any-writer -d 'Include entries of other users'
complete -c lowatch -n '__lowatch_at history' -l directory -s D -r -F -d 'Directory with journal files'
complete -c lowatch -n '__lowatch_at history' -l file -r -F -d 'Journal files to read'

complete -c lowatch -n '__lowatch_at run' -l config.check -d 'Check the configuration and exit'
complete -c lowatch -n '__lowatch_at run' -l web.listen-address -x -d 'Address to serve metrics on'
complete -c lowatch -n '__lowatch_at run' -l web.telemetry-path -x -d 'Path of the metrics'
