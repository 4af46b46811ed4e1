// What is personal and stays in this browser: theme, zone of times, single keys. Never anything secret.

import { Kept } from '../lib/names';
import { browserZone, isKnown } from '../lib/zone';

export type Theme = 'system' | 'dark' | 'light';
export type ZoneChoice = 'job' | 'browser' | 'utc';
const THEMES: readonly Theme[] = ['system', 'dark', 'light'];
const ZONES: readonly ZoneChoice[] = ['job', 'browser', 'utc'];

function zoneOf(choice: ZoneChoice, job: string | null): string {
  if (choice === 'utc') return 'UTC';
  return choice === 'job' && job !== null && isKnown(job) ? job : browserZone();
}

export class Preferences {
  readonly #kept: Kept;
  #theme: Theme = $state('system');
  #zone: ZoneChoice = $state('job');
  #keys = $state(true);
  /** The zone of the job that the screen is about; null: it is about many. */
  subject: string | null = $state(null);

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
    return zoneOf(this.#zone, jobZone ?? null);
  }

  /** The zone that times of this screen are in. */
  get shown(): string {
    return this.zoneFor(this.subject);
  }

  /** On to the next choice that shows other times on this screen. */
  nextZone(): void {
    const zones = ZONES.map((choice) => zoneOf(choice, this.subject));
    const different = ZONES.filter((_, n) => zones.indexOf(zones[n] ?? '') === n);
    const now = zones.indexOf(this.shown);
    this.zone = different[(different.indexOf(ZONES[now] ?? 'job') + 1) % different.length] ?? 'job';
  }

  nextTheme(): void {
    this.theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? 'system';
  }

  #show(): void {
    if (this.#theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = this.#theme;
  }
}
