/** A shell that outlives us just long enough to end our processes, also when we are killed with SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process'

/** It learns pids on its input; the end of the input is our end. An isolate in a loop would never see ours itself. */
const SCRIPT = `
trap '' HUP INT TERM
pids=' '
while read -r word pid; do
  case $word in
    add) pids="$pids$pid " ;;
    del) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid"; done
for _ in 1 2 3 4 5; do rm -rf -- "$1" && break; sleep 1; done
`

export type Reaper = { add(pid: number): void; remove(pid: number): void; close(): void }

/** @param dir removed at the end */
export function startReaper(dir: string): Reaper {
  // What was killed may write for another moment, so the folder is removed until it is gone.
  if (process.platform === 'win32') return { add: nothing, remove: nothing, close: nothing }
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'sh', dir], {
    detached: true, // Ctrl-C goes to the group of the terminal
    env: {},
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  shell.on('error', nothing)
  shell.stdin.on('error', nothing)
  letGo(shell)
  return {
    add: (pid) => void shell.stdin.write(`add ${pid}\n`),
    remove: (pid) => void shell.stdin.write(`del ${pid}\n`),
    close: () => void shell.stdin.end(),
  }
}

const nothing = (): void => undefined

/** It must not keep our event loop alive. */
function letGo(shell: ChildProcess): void {
  shell.unref()
  const input = shell.stdin as unknown as { unref?: () => void }
  input.unref?.()
}
