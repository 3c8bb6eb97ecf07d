/** `stead logs`: what the instance has said, readable. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { prettyFactory } from 'pino-pretty'
import { type DataDirOption, dataDirOf, withDataDir } from './data-dir.ts'
import { Failure } from './failure.ts'
import { tail } from './tail.ts'

const LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

type Level = keyof typeof LEVELS

type Options = DataDirOption & { follow?: true; lines: number; level: Level }

export function addLogs(stead: Command): void {
  const level = new Option('--level <level>', 'least important level to show')
  const command = stead
    .command('logs')
    .description('show what the instance has logged')
    .option('-f, --follow', 'keep showing what is added, until Ctrl-C')
    .option('-n, --lines <count>', 'how many lines at most', wholeNumber, 50)
    .addOption(level.choices(Object.keys(LEVELS)).default('trace'))
  withDataDir(command).action(logs)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Type a whole number such as 200')
  return Number(text)
}

async function logs({ follow, lines, level, ...option }: Options): Promise<void> {
  const dataDir = dataDirOf(option)
  const path = join(dataDir, 'logs', 'stead.log')
  const show = shower(LEVELS[level])
  const content = read(path, dataDir)
  show(lastLines(content.toString('utf8'), lines, LEVELS[level]))
  if (follow) await tail(path, content.length, show)
}

function read(path: string, dataDir: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new Failure(
        `There is no log in ${dataDir}. Start an instance with "npm start", or name another folder with --data-dir`,
      )
    }
    throw new Failure(
      `Cannot read ${path} (${code}). Ask as the user that runs the instance, or name another folder with --data-dir`,
    )
  }
}

/** The last lines that are important enough. */
function lastLines(text: string, count: number, least: number): string[] {
  const wanted = text.split('\n').filter((line) => line !== '' && levelOf(line) >= least)
  return count === 0 ? [] : wanted.slice(-count)
}

function shower(least: number): (lines: readonly string[]) => void {
  const pretty = prettyFactory({
    colorize: process.stdout.isTTY,
    ignore: 'pid,hostname',
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss',
  })
  return (lines) => {
    const wanted = lines.filter((line) => levelOf(line) >= least)
    process.stdout.write(wanted.map((line) => pretty(line)).join(''))
  }
}

/** A line that is not ours is always shown. */
function levelOf(line: string): number {
  const [, level] = /^\{"level":(\d+)/.exec(line) ?? []
  return level === undefined ? Number.POSITIVE_INFINITY : Number(level)
}
