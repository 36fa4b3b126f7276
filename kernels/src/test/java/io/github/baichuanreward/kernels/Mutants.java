package io.github.baichuanreward.kernels;

import io.github.baichuanreward.kernels.CppTokens.Token;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Rewrites a CUDA source so that each barrier, wait and bounds check can be left out at run time.
 *
 * <p>{@code sync_block();} becomes {@code { if (!mutant(7)) { sync_block(); } }}, a check that is
 * true inside the bounds {@code (mutant(8) || (row < rows))}, and one that is true outside {@code
 * (!mutant(9) && (column > row))}. A wait can also be for one group less. {@code mutant} is in
 * mutant.h; lines keep their numbers.
 *
 * <p>Looked at are the statements of {@link #STATEMENTS} and comparisons by order in conditions of
 * {@code if}, and by {@code <} and {@code <=} in initialisers of {@code const bool}.
 */
final class Mutants {

    private static final Set<String> STATEMENTS =
            Set.of("sync_block", "sync_warp", "cp_async_wait", "cp_async_commit");
    private static final Set<String> BEFORE_A_STATEMENT =
            Set.of(";", "{", "}", ")", "else", "do", ":");
    private static final Set<String> BETWEEN_ATOMS = Set.of("&&", "||", "?", ":", ",", ";");
    private static final Set<String> ORDER = Set.of("<", "<=", ">", ">=");
    private static final Pattern IN_TEMPLATE_LIST = Pattern.compile("\\w+|::|[-+*/,&<>.]");

    /**
     * What can be left out.
     *
     * @param number that switches it off
     * @param change in words, such as {@code without row < rows}
     * @param nth of several places of a file with the same change, from 1
     * @param count of those places
     */
    record Place(int number, String file, int line, String change, int nth, int count) {

        /** A name that does not change when lines are added elsewhere. */
        String name() {
            String name = file + " " + change;
            return count == 1 ? name : "%s (%d of %d)".formatted(name, nth, count);
        }

        /** The same with the line. */
        String title() {
            return "%s:%d %s".formatted(file, line, change);
        }
    }

    /** A rewritten text, and its places in their order. */
    record Rewritten(String text, List<Place> places) {}

    private final String file;
    private final String text;
    private final List<Token> tokens;
    private final List<Place> places = new ArrayList<>();
    private final Map<Integer, String> insertions = new TreeMap<>();
    private final int firstNumber;

    private Mutants(String file, String text, int firstNumber) {
        this.file = file;
        this.text = text;
        this.firstNumber = firstNumber;
        int start = Math.max(0, text.lastIndexOf("\n#endif"));
        this.tokens = CppTokens.of(text).stream().filter(token -> token.start() >= start).toList();
    }

    /**
     * Rewrites a text, behind its last {@code #endif} if it has one: what stands before that is not
     * the same for g++ and nvcc.
     *
     * @param firstNumber of the first place
     * @throws IllegalArgumentException if a barrier or wait is not a statement of its own, or two
     *     comparisons are not parted
     */
    static Rewritten rewrite(String file, String text, int firstNumber) {
        Mutants mutants = new Mutants(file, text, firstNumber);
        for (int i = 0; i < mutants.tokens.size(); i++) {
            mutants.look(i);
        }
        return new Rewritten(mutants.rewritten(), mutants.named());
    }

    private void look(int i) {
        if (STATEMENTS.contains(at(i))) {
            statement(i);
        } else if (at(i).equals("if") && at(i + 1).equals("(")) {
            atoms(i + 2, closing(i + 1), true);
        } else if (at(i).equals("const") && at(i + 1).equals("bool") && at(i + 3).equals("=")) {
            int end = i;
            while (end < tokens.size() && !at(end).equals(";")) {
                end = opens(end) ? closing(end) + 1 : end + 1;
            }
            atoms(i + 4, end, false);
        }
    }

    private void statement(int i) {
        int open = at(i + 1).equals("<") ? templateEnd(i + 1) + 1 : i + 1;
        boolean alone = i == 0 || BEFORE_A_STATEMENT.contains(at(i - 1));
        if (!alone
                || !at(open).equals("(")
                || !at(open + 1).equals(")")
                || !at(open + 2).equals(";")) {
            throw new IllegalArgumentException(
                    "%s:%d: %s is not a statement of its own".formatted(file, line(i), at(i)));
        }
        int start = tokens.get(i).start();
        String statement = text(i, open + 2);
        insert(start, "{ if (!mutant(%d)) { ".formatted(place(i, "without " + statement)));
        if (open > i + 1) {
            String weaker = at(i) + "<" + text(i + 2, open - 1) + " + 1>()";
            int number = place(i, "with " + weaker);
            insert(start, "if (mutant(%d)) { %s; } else ".formatted(number, weaker));
        }
        insert(tokens.get(open + 2).end(), " } }");
    }

    /** Finds the comparisons of an expression: what stands between its logical operators. */
    private void atoms(int from, int to, boolean outsideToo) {
        int start = from;
        for (int i = from; i <= to; i++) {
            if (i == to || BETWEEN_ATOMS.contains(at(i))) {
                atom(start, i, outsideToo);
                start = i + 1;
            } else if (at(i).equals("=")) {
                start = i + 1; // a further variable of the same statement
            } else {
                i = lastOfGroup(i);
            }
        }
    }

    private void atom(int from, int to, boolean outsideToo) {
        if (from < to && at(from).equals("!")) {
            atom(from + 1, to, outsideToo);
            return;
        }
        if (from < to && at(from).equals("(") && closing(from) == to - 1) {
            atoms(from + 1, to - 1, outsideToo);
            return;
        }
        int found = -1;
        for (int i = from; i < to; i++) {
            if (lastOfGroup(i) > i) {
                i = lastOfGroup(i);
            } else if (ORDER.contains(at(i))) {
                if (found >= 0) {
                    throw new IllegalArgumentException(
                            "%s:%d: two comparisons in one".formatted(file, line(i)));
                }
                found = i;
            }
        }
        if (found < 0) {
            return;
        }
        boolean inside = at(found).startsWith("<");
        if (inside || outsideToo) {
            int number = place(from, "without " + text(from, to));
            insert(
                    tokens.get(from).start(),
                    (inside ? "(mutant(%d) || (" : "(!mutant(%d) && (").formatted(number));
            insert(tokens.get(to - 1).end(), "))");
        }
    }

    /**
     * Returns the index of what ends a bracket, template list or shift that begins here, or here.
     */
    private int lastOfGroup(int i) {
        if (opens(i)) {
            return closing(i);
        }
        boolean shift = at(i).equals(">") && at(i + 1).equals(">");
        return shift && tokens.get(i + 1).start() == tokens.get(i).end() ? i + 1 : templateEnd(i);
    }

    /** Returns the index of the {@code >} of a template's arguments, or {@code i} of all else. */
    private int templateEnd(int i) {
        if (i == 0 || !at(i).equals("<") || !tokens.get(i - 1).isName()) {
            return i;
        }
        int depth = 0;
        for (int j = i; j < tokens.size(); j++) {
            if (at(j).equals("<")) {
                depth++;
            } else if (at(j).equals(">") && --depth == 0) {
                return at(j + 1).equals("(") || at(j + 1).equals("::") ? j : i;
            } else if (!IN_TEMPLATE_LIST.matcher(at(j)).matches()) {
                return i;
            }
        }
        return i;
    }

    private boolean opens(int i) {
        return at(i).equals("(") || at(i).equals("[") || at(i).equals("{");
    }

    /** Returns the index of the bracket that closes the one at {@code i}. */
    private int closing(int i) {
        int depth = 0;
        for (int j = i; j < tokens.size(); j++) {
            if (opens(j)) {
                depth++;
            } else if (at(j).equals(")") || at(j).equals("]") || at(j).equals("}")) {
                if (--depth == 0) {
                    return j;
                }
            }
        }
        throw new IllegalArgumentException("%s:%d: never closed".formatted(file, line(i)));
    }

    private String at(int i) {
        return i < tokens.size() ? tokens.get(i).text() : "";
    }

    private int line(int i) {
        return 1
                + (int)
                        text.substring(0, tokens.get(i).start())
                                .chars()
                                .filter(c -> c == '\n')
                                .count();
    }

    /** Returns the text of the tokens from one index up to another, exclusive. */
    private String text(int from, int to) {
        return text.substring(tokens.get(from).start(), tokens.get(to - 1).end())
                .replaceAll("\\s+", " ");
    }

    /** Notes a place, and returns its number. */
    private int place(int i, String change) {
        int number = firstNumber + places.size();
        places.add(new Place(number, file, line(i), change, 1, 1));
        return number;
    }

    private void insert(int offset, String inserted) {
        insertions.merge(offset, inserted, String::concat);
    }

    private String rewritten() {
        StringBuilder result = new StringBuilder();
        int done = 0;
        for (Map.Entry<Integer, String> insertion : insertions.entrySet()) {
            result.append(text, done, insertion.getKey()).append(insertion.getValue());
            done = insertion.getKey();
        }
        return result.append(text, done, text.length()).toString();
    }

    private List<Place> named() {
        Map<String, Integer> counts = new HashMap<>();
        places.forEach(place -> counts.merge(place.change(), 1, Integer::sum));
        Map<String, Integer> seen = new HashMap<>();
        return places.stream()
                .map(
                        place -> {
                            int nth = seen.merge(place.change(), 1, Integer::sum);
                            int count = counts.getOrDefault(place.change(), 1);
                            return new Place(
                                    place.number(), file, place.line(), place.change(), nth, count);
                        })
                .toList();
    }
}
