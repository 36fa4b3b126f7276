package io.github.baichuanreward.eval;

/** Counts pairs: how many, how many are right, and their loss. */
final class PairTally {

    private final ExactSum loss = new ExactSum();
    private long pairs;
    private long right;

    void add(boolean isRight, double itsLoss) {
        loss.add(itsLoss);
        pairs++;
        right += isRight ? 1 : 0;
    }

    long pairs() {
        return pairs;
    }

    Proportion accuracy() {
        return new Proportion(right, pairs);
    }

    double loss() {
        return loss.value() / pairs;
    }

    Group group(String name) {
        return new Group(name, accuracy(), loss());
    }
}
