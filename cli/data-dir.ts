/** Which folder a command speaks of: the one a start from here with the same settings would use. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { Failure } from './failure.ts'

export type DataDirOption = { dataDir?: string }

export const withDataDir = (command: Command): Command =>
  command.option('--data-dir <folder>', 'data folder of the instance (default: .stead)')

/** Absolute path; flag, then environment, then `stead.config.json`, then `.stead`. */
export const dataDirOf = ({ dataDir }: DataDirOption): string =>
  resolve(dataDir ?? (process.env.STEAD_DATA_DIR || (fromConfigFile() ?? '.stead')))

function fromConfigFile(): string | undefined {
  try {
    const config = JSON.parse(readFileSync('stead.config.json', 'utf8')) as { dataDir?: unknown }
    return typeof config.dataDir === 'string' ? config.dataDir : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    const problem = code === undefined ? 'it is not valid JSON' : code
    throw new Failure(
      `Cannot read stead.config.json: ${problem}. Mend it, or name the folder with --data-dir`,
    )
  }
}
