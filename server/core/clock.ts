/** The present, passed in so that a test can move it. */
export type Clock = () => Date

export const systemClock: Clock = () => new Date()

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/**
 * Milliseconds of a duration such as `15m` or `7d`.
 * @returns undefined when the text is not `<number><s|m|h|d>`
 */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text)
  if (!match?.[1] || !match[2]) return undefined
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}
