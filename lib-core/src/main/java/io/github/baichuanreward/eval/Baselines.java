package io.github.baichuanreward.eval;

/**
 * What length alone explains. Lengths are token ids of a whole sequence, after cutting; both
 * answers of a pair share their prompt.
 *
 * @param longerWins how often the chosen answer is the longer one: the accuracy of a judge who
 *     always takes the longer one, equal lengths being wrong
 * @param chosenShorter accuracy of the model where the chosen answer is the shorter one
 * @param chosenLonger accuracy of the model where it is the longer one
 */
public record Baselines(Proportion longerWins, Proportion chosenShorter, Proportion chosenLonger) {}
