import { expect, test } from 'vitest'
import { Pace } from './pace.ts'

/** After as many batches of that time as change a habit. */
function settled({ ms, atWork }: { ms: number; atWork: number }, pace = new Pace()): Pace {
  for (let turn = 0; turn < 100; turn++) pace.record(ms, atWork)
  return pace
}

test('what is not known yet is neither brief nor weighty', () => {
  const { isBrief, isWeighty } = new Pace()
  expect({ isBrief, isWeighty }).toEqual({ isBrief: false, isWeighty: false })
})

test('a light batch stays light when it takes three times as long over three connections', () => {
  expect(settled({ ms: 0.2, atWork: 1 }).isWeighty).toBe(false)
  expect(settled({ ms: 0.6, atWork: 3 }).isWeighty).toBe(false)
  expect(settled({ ms: 0.4, atWork: 1 }).isWeighty).toBe(true)
  expect(settled({ ms: 1.2, atWork: 3 }).isWeighty).toBe(true)
})

test('one that was held up for long changes the worst, not the habit', () => {
  const pace = settled({ ms: 0.15, atWork: 1 })
  pace.record(300)
  expect(pace.isBrief).toBe(false)
  expect(pace.isWeighty).toBe(false)
  expect(settled({ ms: 0.15, atWork: 1 }, pace).isBrief).toBe(true)
})

test('a first batch that plans and reads anew does not weigh for ever', () => {
  const pace = new Pace()
  pace.record(15)
  expect(pace.isWeighty).toBe(true)
  expect(settled({ ms: 0.15, atWork: 1 }, pace).isWeighty).toBe(false)
})
