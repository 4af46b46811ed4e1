"""What a key of the store in memory may hold, beside a hash (a dict): streams and sorted sets."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

EntryId = tuple[int, int]
_MOST = 1 << 63


def entry_id(text: bytes, *, end: bool = False) -> EntryId:
    """The id of that text; one without a sequence is the first of its milliseconds, or the last."""
    ms, dash, seq = text.partition(b"-")
    return int(ms), int(seq) if dash else (_MOST if end else 0)


def entry_text(entry: EntryId) -> bytes:
    return b"%d-%d" % entry


class Stream:
    def __init__(self) -> None:
        self.ids: list[EntryId] = []
        self.fields: list[list[bytes]] = []
        self.last: EntryId = (0, 0)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, entry: EntryId, fields: list[bytes]) -> None:
        """
        Raises:
            ValueError: the id is not beyond the last.
        """
        if entry <= self.last:
            raise ValueError(f"{entry} is not beyond {self.last}")
        self.ids.append(entry)
        self.fields.append(fields)
        self.last = entry

    def remove(self, entry: EntryId) -> bool:
        place = bisect_left(self.ids, entry)
        if place == len(self.ids) or self.ids[place] != entry:
            return False
        del self.ids[place], self.fields[place]
        return True

    def cut(self, before: int) -> int:
        """Drop the entries before that place."""
        before = max(0, before)
        del self.ids[:before], self.fields[:before]
        return before

    def between(self, low: bytes, high: bytes) -> list[list[bytes | list[bytes]]]:
        first, last = self.place(low, end=False), self.place(high, end=True)
        return [self.entry(place) for place in range(first, last)]

    def after(self, entry: EntryId, most: int) -> list[list[bytes | list[bytes]]]:
        first = bisect_right(self.ids, entry)
        return [self.entry(place) for place in range(first, min(len(self.ids), first + most))]

    def place(self, bound: bytes, *, end: bool) -> int:
        """Where a range begins or ends that has this bound: `-`, `+`, an id, or `(` and an id."""
        if bound in {b"-", b"+"}:
            return 0 if bound == b"-" else len(self.ids)
        excluded = bound.startswith(b"(")
        entry = entry_id(bound[excluded:], end=end)
        return (bisect_right if end is not excluded else bisect_left)(self.ids, entry)

    def entry(self, place: int) -> list[bytes | list[bytes]]:
        return [entry_text(self.ids[place]), self.fields[place]]


class SortedSet:
    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self.order: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self.order)

    def add(self, member: bytes, score: float) -> bool:
        """Whether the member is new."""
        fresh = not self.remove(member)
        self.scores[member] = score
        insort(self.order, (score, member))
        return fresh

    def remove(self, member: bytes) -> bool:
        score = self.scores.pop(member, None)
        if score is None:
            return False
        del self.order[bisect_left(self.order, (score, member))]
        return True

    def by_name(self, low: bytes, high: bytes) -> list[bytes]:
        """The members between two bounds, `-`, `+`, `[name` or `(name`; all scores are equal."""
        names = [member for _, member in self.order]
        first = (bisect_right if low.startswith(b"(") else bisect_left)(names, low[1:])
        last = (bisect_left if high.startswith(b"(") else bisect_right)(names, high[1:])
        last = len(names) if high == b"+" else last
        return names[first:last]

    def by_score(self, low: float, high: float) -> list[bytes]:
        return [member for score, member in self.order if low <= score <= high]


Value = dict[bytes, bytes] | Stream | SortedSet | bytes
