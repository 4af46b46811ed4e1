// The one live region: what is said to who listens, politely, at most one sentence in five seconds, the newest last.

class Announcer {
  text = $state('');
  #next: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(sentence: string): void {
    if (this.#timer !== undefined) {
      this.#next = sentence;
      return;
    }
    this.text = sentence;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const next = this.#next;
      this.#next = null;
      if (next !== null) this.say(next);
      else this.text = '';
    }, 5000);
  }
}

export const announcer = new Announcer();
