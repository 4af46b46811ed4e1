import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { word } from './shell';

it('a name is one word of the shell, and is not carried out', () => {
  expect(word('sea/tides')).toBe('sea/tides');
  const names = ['a b', '$(echo no)', '`echo no`', "it's", '"; exit 1; "', '日本/é', '*', '~', '#x', '\\', '!!', ''];
  const line = `printf '%s\\0' ${names.map(word).join(' ')}`;
  expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(names);
});
