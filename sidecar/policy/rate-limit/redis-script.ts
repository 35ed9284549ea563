import { createHash } from 'node:crypto';

/**
 * Looks at all buckets and takes a token out of each when each has one, in one step. A
 * bucket is the time at which it will be full, in µs of Redis's own clock, so that the
 * clocks of the pods need not agree; a clock that was set back costs at most the time
 * in which a bucket fills. A double is exact to 1/64 µs for a century after the epoch here.
 *
 * For each key: the interval of a token in µs, and the burst. Gives for each: µs until
 * there is a token, whole tokens after this, µs until the bucket is full.
 */
export const TAKE_SCRIPT = `
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
local full, wait, open = {}, {}, true
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local at = tonumber(redis.call('GET', key) or now) or now
  if at ~= at then at = now end
  full[i] = math.min(math.max(at, now), now + interval * burst)
  wait[i] = math.max(full[i] - now - interval * (burst - 1 + 0.000001), 0)
  if wait[i] > 0 then open = false end
end
local out = {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  if open then
    full[i] = full[i] + interval
    redis.call('SET', key, string.format('%.3f', full[i]), 'PX', math.ceil((full[i] - now) / 1000) + 1)
  end
  out[3 * i - 2] = math.ceil(wait[i])
  out[3 * i - 1] = math.floor(burst - (full[i] - now) / interval + 0.000001)
  out[3 * i] = math.ceil(full[i] - now)
end
return out
`;

export const TAKE_SHA: string = createHash('sha1').update(TAKE_SCRIPT).digest('hex');
