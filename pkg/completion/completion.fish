# Completion of the targets of mage and poststack, their flags, and the arguments of those that take some.
# Load it with: mage completion fish | source

function __poststack_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -l target
    for word in $words[2..-1]
        string match -q -- '-*' $word; or set target $word
    end
    if string match -q -- '-*' $current
        test -n "$target"; or return
        for flag in ($program -h $target 2>/dev/null | string match -rag -- '(-[A-Za-z]+=<[A-Za-z0-9.]+>)')
            if string match -q -- '*=<bool>' $flag
                string replace -r '=.*' '' -- $flag
            else
                string replace -r '<.*' '' -- $flag
            end
        end
    else if test "$words[-1]" = completion
        printf '%s\n' bash zsh fish
    else if test "$words[-1]" = shell
        for file in containers/*/image.yaml
            basename (dirname $file)
        end
    else
        $program -l 2>/dev/null | string match -r '^  .*' | string replace -r '^  ([^ *]+)\*? +' '$1\t'
    end
end

complete -c mage -f -a '(__poststack_complete)'
complete -c poststack -f -a '(__poststack_complete)'
