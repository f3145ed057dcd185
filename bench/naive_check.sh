#!/bin/sh
# What one would write without lowatch: for each name, what DNS says, whether that is on lo, and who
# listens there. Knows neither wide prefixes nor wildcards, and asks everything anew for each name.
#
#   naive_check.sh SERVER PORT NAME...
server=$1 port=$2
shift 2
for name; do
    for address in $(dig +short "@$server" -p "$port" "$name" A "$name" AAAA); do
        [ -n "$(ip -o address show dev lo to "$address")" ] || continue
        if [ -n "$(ss -Hltn "src $address and ( sport = :80 or sport = :443 )")" ]; then
            echo "$name $address served"
        else
            echo "$name $address orphan"
        fi
    done
done
