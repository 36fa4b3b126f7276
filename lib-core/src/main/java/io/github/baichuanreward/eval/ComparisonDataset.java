package io.github.baichuanreward.eval;

import io.github.baichuanreward.rows.RowFormat;
import io.github.baichuanreward.rows.RowReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Comparisons in files: prompts with two or more answers, of which it is known which is better.
 *
 * <pre>{@code
 * ComparisonDataset dataset = ComparisonDataset.of(Path.of("oaast_rm_zh.json"));
 * try (ComparisonReader reader = dataset.open(DatasetOptions.defaults())) {
 *     while (reader.hasNext()) {
 *         Comparison comparison = reader.next();
 *     }
 * }
 * }</pre>
 *
 * <p>Files are {@code .json} (one array of rows), {@code .jsonl} (a row a line), {@code .csv} or
 * {@code .tsv}, in UTF-8. The fields of a row tell what it is:
 *
 * <ul>
 *   <li>{@code instruction}, {@code output}: as LLaMA-Efficient-Tuning has them. {@code output}
 *       lists the answers, the best first; instead of it there may be {@code chosen} and {@code
 *       rejected}. A text in {@code input} goes behind the instruction, on a line of its own;
 *       {@code history} holds earlier turns, {@code [[prompt, answer], ...]}.
 *   <li>{@code conversations}, {@code chosen}, {@code rejected}: as LLaMA-Factory has them in its
 *       format of ShareGPT. {@code conversations} lists messages, {@code {"from": "human" or "gpt",
 *       "value": text}}, by turns, the last one the human's; {@code chosen} and {@code rejected}
 *       are messages that could come next. {@code role}, {@code user}, {@code assistant} and {@code
 *       content} do as well.
 *   <li>{@code prompt}, {@code chosen}, {@code rejected}: as TRL and RewardBench have them, with
 *       texts, and if there are any, earlier turns in {@code history}; or with lists of messages,
 *       {@code {"role": "user" or "assistant", "content": text}}. Where the answers are whole
 *       conversations, all but their last messages are the prompt.
 *   <li>{@code prompt}, {@code pos_resp}, {@code neg_resp}: as CValues has them.
 * </ul>
 *
 * <p>In a table, lists and messages are JSON in their cells. A number in {@code margin} says how
 * much better the first answer is; other fields are ignored.
 *
 * <p>A row is bad where a field is missing or holds something else, where the prompt or an answer
 * is empty, where there is only one answer, or a system message, which the templates have no place
 * for. Equal answers are no error: they are a tie.
 *
 * <p>Where the file {@code dataset_info.json} of LLaMA-Efficient-Tuning or LLaMA-Factory lies
 * beside, and describes a file as one of ranked answers, it decides what its fields are called.
 */
public final class ComparisonDataset {

    /** A file, and how its rows are laid out. */
    record Part(Path file, Layout layout) {}

    private final List<Part> parts;

    private ComparisonDataset(List<Part> parts) {
        this.parts = List.copyOf(parts);
    }

    /**
     * The comparisons of a file. Nothing of it is read yet.
     *
     * @throws DatasetException if its name ends in no known kind of file, it is a directory or a
     *     pipe, it is a table and jackson-dataformat-csv is not on the class path, or {@code
     *     dataset_info.json} beside it cannot be used; says what to do
     * @throws IOException if there is no such file, or it cannot be read
     */
    public static ComparisonDataset of(Path file) throws IOException {
        return of(List.of(file));
    }

    /**
     * The comparisons of some files, one file after another.
     *
     * @param files one or more
     * @throws IllegalArgumentException if there are none
     * @throws DatasetException as for one file
     * @throws IOException as for one file
     */
    public static ComparisonDataset of(List<Path> files) throws IOException {
        List<Part> parts = new ArrayList<>();
        for (Path file : files) {
            requireReadable(file);
            DatasetDescription description = DatasetInfo.beside(file);
            parts.add(
                    new Part(
                            file,
                            description == null ? new RecognisedLayout() : description.layout()));
        }
        return of(parts, "files");
    }

    /**
     * The comparisons that {@code dataset_info.json} of {@code directory} gives a name.
     *
     * @param directory where {@code dataset_info.json} lies, and the files that it names
     * @throws DatasetException if it has no such name, does not say that the answers are ranked, or
     *     tells only where to download the data; or if the files cannot be used; says what to do
     * @throws IOException if there is no {@code dataset_info.json}, or no file of comparisons, or
     *     one of them cannot be read
     */
    public static ComparisonDataset named(Path directory, String name) throws IOException {
        DatasetDescription description = DatasetInfo.read(directory).named(name);
        List<Part> parts = new ArrayList<>();
        for (Path file : description.files()) {
            requireReadable(file);
            description.checkSha1(file);
            parts.add(new Part(file, description.layout()));
        }
        return of(parts, "files");
    }

    /**
     * The comparisons of several datasets, one after another.
     *
     * @param datasets one or more
     * @throws IllegalArgumentException if there are none
     */
    public static ComparisonDataset concat(List<ComparisonDataset> datasets) {
        return of(
                datasets.stream().flatMap(dataset -> dataset.parts.stream()).toList(), "datasets");
    }

    private static ComparisonDataset of(List<Part> parts, String of) {
        if (parts.isEmpty()) {
            throw new IllegalArgumentException("there are no " + of + "; give at least one");
        }
        return new ComparisonDataset(parts);
    }

    private static void requireReadable(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new DatasetException(
                    file,
                    "is a directory; name a file in it, or a dataset of its dataset_info.json");
        }
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString());
        }
        if (!Files.isRegularFile(file)) {
            throw new DatasetException(
                    file, "is no file, and is read more than once; save what it gives to a file");
        }
        try {
            RowFormat.of(file.toString()).requireLibrary();
        } catch (IllegalArgumentException e) {
            throw new DatasetException(
                    file, "unknown kind of file; use .json, .jsonl, .csv or .tsv");
        } catch (IllegalStateException e) {
            throw new DatasetException(file, String.valueOf(e.getMessage()));
        }
    }

    /** The files, in the order in which they are read. */
    public List<Path> files() {
        return parts.stream().map(Part::file).toList();
    }

    /**
     * Rows of all files, good and bad, for a progress bar. Reads them once, without looking into
     * the rows, up to the first place of each where they cannot be told apart.
     *
     * @throws IOException if a file cannot be read
     */
    public long countRows() throws IOException {
        long count = 0;
        for (Part part : parts) {
            try (RowReader rows = ComparisonReader.rows(part)) {
                count += rows.count();
            }
        }
        return count;
    }

    /** Begins to read. The caller closes the reader; a dataset can be read many times. */
    public ComparisonReader open(DatasetOptions options) {
        return new ComparisonReader(parts, options);
    }
}
