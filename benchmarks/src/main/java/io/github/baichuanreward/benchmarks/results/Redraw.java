package io.github.baichuanreward.benchmarks.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Writes {@code README.md} and {@code charts} of a folder from its {@code results} and {@code
 * subjects.json}: of each kind of result the newest. What is there is replaced, and charts that
 * nothing shows any more are deleted.
 *
 * <p>Argument: FOLDER.
 */
public final class Redraw {

    /** What mends a page that is not what it should be. */
    static final String COMMAND = "benchmarks/redraw";

    /** Longer versions are a list. */
    private static final int SHORT = 80;

    private static final String OPENING =
            """
            # Benchmarks

            Written by `%s` from the files in [results](results) and [subjects.json](subjects.json): nothing here is
            typed by hand, and a test fails where it is not what that command writes. Of each kind of result the newest is
            shown; older ones stay in the folder. A number in parentheses is the lowest or the highest that was measured; a
            line upon a bar goes from one to the other.

            `benchmarks/cpu` measures a computer without a GPU, `benchmarks/gpu` one with, each all that it can; the scripts
            below measure a part. They write a dated result and then call `%s`. How they work, and what they need, is in
            [CONTRIBUTING.md](../CONTRIBUTING.md#benchmarks).

            """
                    .formatted(COMMAND, COMMAND);

    private final List<Subject> subjects;
    private final SortedMap<String, ResultFile> newest;
    private final Map<String, String> charts = new TreeMap<>();
    private final StringBuilder page = new StringBuilder(OPENING);

    private Redraw(List<Subject> subjects, SortedMap<String, ResultFile> newest) {
        this.subjects = subjects;
        this.newest = newest;
    }

    /**
     * Writes it.
     *
     * @throws IllegalArgumentException if a result or the list of subjects is not as it should be
     * @throws IOException if something cannot be read or written
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 1) {
            throw new IllegalArgumentException("needed: FOLDER");
        }
        Path folder = Path.of(arguments[0]);
        Map<String, String> files = files(folder);
        for (Path chart : charts(folder)) {
            if (!files.containsKey(name(folder, chart))) {
                Files.delete(chart);
            }
        }
        Files.createDirectories(folder.resolve("charts"));
        for (Map.Entry<String, String> file : files.entrySet()) {
            Files.writeString(folder.resolve(file.getKey()), file.getValue());
        }
    }

    /** What the files should contain, by their paths in the folder. */
    static Map<String, String> files(Path folder) throws IOException {
        SortedMap<String, ResultFile> newest = new TreeMap<>();
        for (Path path : list(folder.resolve("results"))) {
            ResultFile result = ResultFile.read(path);
            newest.merge(
                    result.kind(),
                    result,
                    (one, other) ->
                            one.run().date().compareTo(other.run().date()) > 0 ? one : other);
        }
        return new Redraw(Subject.read(folder.resolve("subjects.json")), newest).write();
    }

    /** The charts that are there. */
    static List<Path> charts(Path folder) throws IOException {
        return list(folder.resolve("charts"));
    }

    /** A file's path in the folder, as {@link #files} has it. */
    static String name(Path folder, Path file) {
        return folder.relativize(file).toString().replace('\\', '/');
    }

    private static List<Path> list(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted(Comparator.comparing(Path::toString)).toList();
        }
    }

    private Map<String, String> write() {
        Map<Subject, List<ResultFile>> results = new LinkedHashMap<>();
        subjects.forEach(subject -> results.put(subject, new ArrayList<>()));
        for (ResultFile result : newest.values()) {
            results.computeIfAbsent(subjectOf(result), subject -> new ArrayList<>()).add(result);
        }
        overview(results);
        results.forEach(this::subject);
        Map<String, String> files = new TreeMap<>(charts);
        files.put("README.md", page.toString().stripTrailing() + "\n");
        return files;
    }

    private Subject subjectOf(ResultFile result) {
        return subjects.stream()
                .filter(subject -> subject.has(result.kind()))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "%s: subjects.json does not say what is shown of kind \"%s\""
                                                .formatted(
                                                        result.path().getFileName(),
                                                        result.kind())));
    }

    private void overview(Map<Subject, List<ResultFile>> results) {
        page.append("| what | measured by | newest result |\n|---|---|---|\n");
        results.forEach(
                (subject, found) ->
                        page.append("| %s | `%s` | ".formatted(link(subject), subject.command()))
                                .append(
                                        found.isEmpty()
                                                ? "none yet"
                                                : String.join(
                                                        ", ",
                                                        found.stream()
                                                                .map(Redraw::dateLink)
                                                                .toList()))
                                .append(" |\n"));
        page.append('\n');
    }

    private static String link(Subject subject) {
        String anchor =
                subject.title()
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^a-z0-9 -]", "")
                        .replace(' ', '-');
        return "[%s](#%s)".formatted(subject.title(), anchor);
    }

    private static String dateLink(ResultFile result) {
        return "[%s](results/%s)".formatted(result.run().date(), result.path().getFileName());
    }

    private void subject(Subject subject, List<ResultFile> results) {
        page.append("## %s\n\n%s\n\n".formatted(subject.title(), subject.about()));
        if (results.isEmpty()) {
            page.append("No result yet: `%s` writes one.\n\n".formatted(subject.command()));
        }
        for (ResultFile result : results) {
            about(result);
            String command = "";
            for (Subject.Part part : subject.parts()) {
                if (part.isIn(result)) {
                    command = part(result, part, command);
                }
            }
        }
    }

    private void about(ResultFile result) {
        Run run = result.run();
        String versions = String.join(", ", run.versions());
        boolean isShort = versions.length() <= SHORT;
        page.append(
                "%s, commit %s, on %s%s. All of it: [%s](results/%s).\n\n"
                        .formatted(
                                run.date(),
                                run.commit(),
                                run.machine(),
                                isShort ? ", with " + versions : "",
                                result.title(),
                                result.path().getFileName()));
        if (!isShort) {
            run.versions().forEach(version -> page.append("- ").append(version).append('\n'));
            page.append('\n');
        }
    }

    /** A command that measured several tables stands above the first. */
    private String part(ResultFile result, Subject.Part part, String before) {
        String command = part.measured(result).command();
        if (command == null) {
            throw new IllegalArgumentException(
                    "%s: no line \"Command: `...`\" above a table of section \"%s\""
                            .formatted(result.path().getFileName(), part.section()));
        }
        if (part.title() != null) {
            page.append("### %s\n\n".formatted(part.title()));
        }
        if (!command.equals(before)) {
            page.append("Command: `%s`\n\n".formatted(command));
        }
        Table table = part.of(result);
        Subject.Chart chart = part.chart();
        if (chart != null) {
            String file = "charts/%s-%s.svg".formatted(result.kind(), chart.name());
            charts.put(file, BarChart.of(table, chart));
            page.append("![%s](%s)\n\n".formatted(chart.title(), file));
        }
        page.append(table.markdown()).append('\n');
        return command;
    }
}
