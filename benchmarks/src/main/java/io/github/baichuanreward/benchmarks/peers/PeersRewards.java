package io.github.baichuanreward.benchmarks.peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;

/** The rewards of a task's sequences, which all contestants must have told and agree on. */
final class PeersRewards {

    /**
     * How far rewards of the same sequence may lie apart. Rewards of the synthetic model spread by
     * about 1, and so do those of another computation; bfloat16 in 40 layers moves them by some
     * hundredths.
     */
    private static final double MOST_DIFFERENCE = 0.2;

    private final PeersLog.Described task;
    private final Map<Contestant, SortedMap<Integer, List<Double>>> rewards = new LinkedHashMap<>();

    /**
     * Takes them out of a run.
     *
     * @throws IllegalArgumentException if a contestant has not told one
     * @throws IllegalStateException if two are too far apart, or are no numbers, or if one of this
     *     library differs between rounds at all
     */
    PeersRewards(PeersLog log, PeersLog.Described task) {
        this.task = task;
        for (Contestant contestant : log.about().keySet()) {
            SortedMap<Integer, List<Double>> told = log.rewards(contestant, task.name());
            for (int i = 0; i < task.sequences(); i++) {
                if (!told.containsKey(i)) {
                    throw new IllegalArgumentException(
                            "%s has no reward of sequence %d of \"%s\""
                                    .formatted(contestant.title(), i, task.name()));
                }
            }
            rewards.put(contestant, told);
        }
        rewards.keySet().forEach(one -> rewards.keySet().forEach(other -> compare(one, other)));
    }

    private void compare(Contestant one, Contestant other) {
        double most = one == other && one.promisesBits() ? 0 : MOST_DIFFERENCE;
        for (int i = 0; i < task.sequences(); i++) {
            for (double reward : of(one, i)) {
                for (double compared : of(other, i)) {
                    if (!(Math.abs(reward - compared) <= most)) {
                        throw new IllegalStateException(
                                "sequence %d of \"%s\": %s gives the reward %s, %s gives %s; they do not compute the same model"
                                        .formatted(
                                                i,
                                                task.name(),
                                                one.title(),
                                                reward,
                                                other.title(),
                                                compared));
                    }
                }
            }
        }
    }

    private List<Double> of(Contestant contestant, int sequence) {
        return rewards.getOrDefault(contestant, Collections.emptySortedMap())
                .getOrDefault(sequence, List.of());
    }

    /** Of the table: the first one's lowest and highest, and the others' distances from it. */
    String row() {
        List<Contestant> all = new ArrayList<>(rewards.keySet());
        Contestant first = all.remove(0);
        List<Double> own = new ArrayList<>();
        for (int i = 0; i < task.sequences(); i++) {
            own.addAll(of(first, i));
        }
        Spread spread = Spread.of(own);
        StringBuilder row =
                new StringBuilder(
                        String.format(
                                Locale.ROOT,
                                "| %s | %d | %.4f | %.4f |",
                                task.title(),
                                task.sequences(),
                                spread.lowest(),
                                spread.highest()));
        for (Contestant other : all) {
            row.append(String.format(Locale.ROOT, " %.4f |", largestDifference(first, other)));
        }
        return row.toString();
    }

    private double largestDifference(Contestant one, Contestant other) {
        double largest = 0;
        for (int i = 0; i < task.sequences(); i++) {
            for (double reward : of(one, i)) {
                for (double compared : of(other, i)) {
                    largest = Math.max(largest, Math.abs(reward - compared));
                }
            }
        }
        return largest;
    }
}
