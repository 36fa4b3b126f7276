package io.github.baichuanreward.benchmarks.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A result: {@code DATE-KIND.md}, Markdown for people with a block {@code json} that says when, of
 * what and on what it was measured. The numbers are in its tables, and only there.
 *
 * @param path the file
 * @param kind what was measured, by its name
 * @param title its first line
 * @param tables by section, in order
 */
record ResultFile(
        Path path, String kind, String title, Run run, Map<String, List<Measured>> tables) {

    private static final Pattern NAME =
            Pattern.compile("([0-9]{4}-[0-9]{2}-[0-9]{2})-([a-z0-9-]+)\\.md");

    private static final Pattern COMMAND = Pattern.compile("Command[^`]*`([^`]+)`");

    /**
     * A table.
     *
     * @param command what was run, as told last above it; null if nothing was
     */
    record Measured(@Nullable String command, Table table) {}

    /**
     * Reads a file.
     *
     * @throws IllegalArgumentException if it is not such a file; names it and says why
     * @throws IOException if it cannot be read
     */
    static ResultFile read(Path path) throws IOException {
        try {
            return new Parser(path, Files.readAllLines(path)).parse();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(path.getFileName() + ": " + e.getMessage(), e);
        }
    }

    /**
     * A table of a section.
     *
     * @param section its heading, behind those that it is under, with { / } between; empty for what
     *     stands before the first
     * @param number from 1
     * @throws IllegalArgumentException if there is none
     */
    Measured table(String section, int number) {
        List<Measured> all = tables.getOrDefault(section, List.of());
        if (number < 1 || number > all.size()) {
            throw new IllegalArgumentException(
                    "%s: there is no table %d in section \"%s\"; sections with tables are %s"
                            .formatted(path.getFileName(), number, section, tables.keySet()));
        }
        return all.get(number - 1);
    }

    private static final class Parser {

        private final Path path;
        private final List<String> lines;
        private final Map<String, List<Measured>> tables = new LinkedHashMap<>();
        private final List<String> headings = new ArrayList<>();
        private final StringBuilder prose = new StringBuilder();
        private @Nullable Run run;
        private int at;

        Parser(Path path, List<String> lines) {
            this.path = path;
            this.lines = lines;
        }

        ResultFile parse() {
            Matcher name = NAME.matcher(String.valueOf(path.getFileName()));
            if (!name.matches()) {
                throw new IllegalArgumentException("its name is not DATE-KIND.md");
            }
            if (lines.isEmpty() || !lines.get(0).startsWith("# ")) {
                throw new IllegalArgumentException("its first line is no title");
            }
            for (at = 1; at < lines.size(); at++) {
                line(lines.get(at));
            }
            if (run == null) {
                throw new IllegalArgumentException(
                        "it has no block ```json of date, commit, machine and versions; benchmarks/about prints one");
            }
            if (!run.date().equals(name.group(1))) {
                throw new IllegalArgumentException("its block says " + run.date());
            }
            return new ResultFile(path, name.group(2), lines.get(0).substring(2), run, tables);
        }

        private void line(String line) {
            if (line.startsWith("##")) {
                int level = line.indexOf(' ');
                while (headings.size() > level - 2) {
                    headings.remove(headings.size() - 1);
                }
                headings.add(line.substring(level).strip());
            } else if (line.startsWith("```")) {
                fence(line.substring(3).strip());
            } else if (line.startsWith("|")) {
                add(Table.ofMarkdown(block(next -> next.startsWith("|"))));
                at--;
            } else {
                prose.append(line).append('\n');
            }
        }

        private void fence(String language) {
            at++;
            List<String> inside = block(next -> !next.startsWith("```"));
            if (at == lines.size()) {
                throw new IllegalArgumentException("a fence is not closed");
            }
            if (!language.equals("json")) {
                PlainTables.in(inside).forEach(this::add);
            } else if (run == null) {
                run = Run.of(String.join("\n", inside));
            } else {
                throw new IllegalArgumentException("it has two blocks ```json");
            }
        }

        /** Lines from here on of a kind; the next one is of another. */
        private List<String> block(Predicate<String> kind) {
            int begin = at;
            while (at < lines.size() && kind.test(lines.get(at))) {
                at++;
            }
            return lines.subList(begin, at);
        }

        private void add(Table table) {
            String command = null;
            Matcher commands = COMMAND.matcher(prose);
            while (commands.find()) {
                command = commands.group(1).replaceAll("\\s+", " ");
            }
            tables.computeIfAbsent(String.join(" / ", headings), key -> new ArrayList<>())
                    .add(new Measured(command, table));
        }
    }
}
