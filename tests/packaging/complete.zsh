# Sourced by an interactive zsh, for only a widget of one can complete. Then for each line and a tab it
# says what it would complete: "match WORD" for each, and "end". Needs $directory, where _lowatch is.
PS1= PS2=
stty -echo -onlcr
fpath=($directory $fpath)
autoload -Uz compinit && compinit -D -u
zle -C tell complete-word tell
bindkey '^I' tell
bindkey '^U' kill-whole-line

tell() {
    print
    _main_complete
    compstate[insert]= compstate[list]=
    print end
}

compadd() {
    # Between themselves, the shell's functions use it to pick from arrays: those are no matches.
    local -a matches
    if [[ ${@[1,(i)(-|--)]} != *-[OAD]\ * ]]; then
        builtin compadd -O matches "$@"
        print -rl -- "match "${^matches}
    fi
    builtin compadd "$@"
}
print rea''dy # typed or echoed, it is another word
