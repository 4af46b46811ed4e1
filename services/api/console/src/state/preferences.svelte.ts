// What is personal and stays in this browser: theme, zone of times, single keys. Never anything secret.

import { Kept } from '../lib/names';
import { browserZone, isKnown } from '../lib/zone';

export type Theme = 'system' | 'dark' | 'light';
export type ZoneChoice = 'job' | 'browser' | 'utc';
const THEMES: readonly Theme[] = ['system', 'dark', 'light'];
const ZONES: readonly ZoneChoice[] = ['job', 'browser', 'utc'];

export class Preferences {
  readonly #kept: Kept;
  #theme: Theme = $state('system');
  #zone: ZoneChoice = $state('job');
  #keys = $state(true);

  constructor(prefix: string) {
    this.#kept = new Kept(() => localStorage, prefix);
    this.#theme = THEMES.find((theme) => theme === this.#kept.get('theme')) ?? 'system';
    this.#zone = ZONES.find((zone) => zone === this.#kept.get('zone')) ?? 'job';
    this.#keys = this.#kept.get('keys') !== 'off';
    this.#show();
  }

  get theme(): Theme {
    return this.#theme;
  }
  set theme(theme: Theme) {
    this.#theme = theme;
    this.#kept.set('theme', theme === 'system' ? null : theme);
    this.#show();
  }

  get zone(): ZoneChoice {
    return this.#zone;
  }
  set zone(zone: ZoneChoice) {
    this.#zone = zone;
    this.#kept.set('zone', zone === 'job' ? null : zone);
  }

  /** Whether single keys act (WCAG 2.1.4); those with Ctrl or ⌘ always do. */
  get keys(): boolean {
    return this.#keys;
  }
  set keys(on: boolean) {
    this.#keys = on;
    this.#kept.set('keys', on ? null : 'off');
  }

  /** The zone that times are shown in. `job`: that of the job, or the browser's where there is no one job. */
  zoneFor(jobZone?: string | null): string {
    if (this.#zone === 'utc') return 'UTC';
    if (this.#zone === 'job' && jobZone != null && isKnown(jobZone)) return jobZone;
    return browserZone();
  }

  nextZone(): void {
    this.zone = ZONES[(ZONES.indexOf(this.#zone) + 1) % ZONES.length] ?? 'job';
  }

  nextTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? 'system';
  }

  #show(): void {
    if (this.#theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.#theme;
  }
}
