package io.github.baichuanreward.eval;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Accuracy by length and by subset. */
final class GroupSections {

    private static final String LEGEND =
            "The line is the accuracy over all pairs; a point is filled where its 95 %"
                    + " interval leaves that out";

    /** More are a mistake, or too long a page. */
    static final int MOST_SUBSETS = 200;

    private final Markup page;
    private final EvaluationNumbers numbers;

    private GroupSections(Markup page, EvaluationNumbers numbers) {
        this.page = page;
        this.numbers = numbers;
    }

    static void write(Markup page, EvaluationNumbers numbers) {
        GroupSections sections = new GroupSections(page, numbers);
        sections.lengths();
        sections.subsets();
    }

    private void lengths() {
        page.open("section", "id", "lengths").element("h2", "Length");
        page.element(
                "p",
                LEGEND + ". A group holds the pairs whose longer sequence has that many tokens.");
        groups("Accuracy by length", "tokens", numbers.groups().lengths());
        Baselines baselines = numbers.baselines();
        page.element("h3", "What length alone explains");
        AccuracyTable.write(
                page,
                "Accuracy where the chosen answer is the longer one and where it is not",
                numbers.accuracy().value(),
                "pairs",
                List.of(),
                List.of(
                        row("chosen answer is shorter", baselines.chosenShorter()),
                        row("chosen answer is longer", baselines.chosenLonger()),
                        row("judge who takes the longer", baselines.longerWins())));
        page.close().newline();
    }

    private static AccuracyTable.Row row(String name, Proportion accuracy) {
        return new AccuracyTable.Row(name, accuracy, List.of());
    }

    private void subsets() {
        List<Group> subsets = numbers.groups().subsets();
        page.open("section", "id", "subsets").element("h2", "Subsets");
        if (subsets.isEmpty()) {
            page.element("p", "No comparison names a subset.", "class", "nothing");
        } else {
            page.element("p", LEGEND + chance(subsets.size()));
            groups("Accuracy by subset", "subset", largest(subsets));
            if (subsets.size() > MOST_SUBSETS) {
                page.element(
                        "p",
                        "The %d largest of %d subsets; eval_results.json has all."
                                .formatted(MOST_SUBSETS, subsets.size()),
                        "class",
                        "nothing");
            }
        }
        page.close().newline();
    }

    /** The ones with the most pairs, in the order of their names. */
    private static List<Group> largest(List<Group> subsets) {
        Set<Group> largest =
                subsets.stream()
                        .sorted(Comparator.comparingLong(group -> -group.accuracy().of()))
                        .limit(MOST_SUBSETS)
                        .collect(Collectors.toCollection(HashSet::new));
        return subsets.stream().filter(largest::contains).toList();
    }

    /** Many intervals miss now and then without a reason. */
    private static String chance(int subsets) {
        return subsets < 20
                ? "."
                : ", as about %2$d of %1$d would by chance."
                        .formatted(subsets, Math.round(subsets / 20.0));
    }

    private void groups(String caption, String first, List<Group> groups) {
        if (groups.isEmpty()) {
            page.element("p", "There are no pairs to show.", "class", "nothing");
            return;
        }
        List<AccuracyTable.Row> rows =
                groups.stream()
                        .map(
                                group ->
                                        new AccuracyTable.Row(
                                                group.name(),
                                                group.accuracy(),
                                                List.of(NumberText.loss(group.loss()))))
                        .toList();
        AccuracyTable.write(
                page, caption, numbers.accuracy().value(), first, List.of("loss"), rows);
    }
}
