package io.github.baichuanreward.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The file {@code dataset_info.json} of LLaMA-Efficient-Tuning and LLaMA-Factory: where datasets
 * lie, and what their fields are called.
 *
 * <p>Of the versions of July 2023 on. The first ones do not say which datasets are ranked; later
 * ones say {@code "stage": "rm"}, then {@code "ranking": true}. So one without either is taken for
 * ranked only where no other dataset of the file says so.
 */
final class DatasetInfo {

    static final String NAME = "dataset_info.json";

    /** Longest list of names in a message. */
    private static final int MOST_NAMES = 20;

    private final Path file;
    private final JsonNode datasets;

    private DatasetInfo(Path file, JsonNode datasets) {
        this.file = file;
        this.datasets = datasets;
    }

    /**
     * Reads the file of that name in {@code directory}.
     *
     * @throws DatasetException if it is not a JSON object
     * @throws IOException if there is none, or it cannot be read
     */
    static DatasetInfo read(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        try (InputStream in = Files.newInputStream(file)) {
            JsonNode datasets = new ObjectMapper().readTree(in);
            if (!datasets.isObject()) {
                throw new DatasetException(
                        file, "must be a JSON object of datasets by name; mend it, or remove it");
            }
            return new DatasetInfo(file, datasets);
        } catch (JsonProcessingException e) {
            long line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
            throw new DatasetException(
                    file,
                    line,
                    "not valid JSON: " + e.getOriginalMessage(),
                    "Mend the file, or remove it and name a file of comparisons.",
                    e);
        }
    }

    /**
     * What the file beside {@code data} says about it as a file of ranked answers, or null if there
     * is nothing.
     */
    static @Nullable DatasetDescription beside(Path data) throws IOException {
        Path directory = data.toAbsolutePath().getParent();
        if (directory == null || !Files.isRegularFile(directory.resolve(NAME))) {
            return null;
        }
        DatasetInfo info = read(directory);
        String name = String.valueOf(data.getFileName());
        List<String> names = new ArrayList<>();
        for (Map.Entry<String, JsonNode> dataset : info.datasets.properties()) {
            if (isSame(directory, dataset.getValue().path("file_name").textValue(), data)
                    && info.isRanked(dataset.getValue())) {
                names.add(dataset.getKey());
            }
        }
        if (names.isEmpty()) {
            return null;
        }
        if (names.size() > 1) {
            throw new DatasetException(
                    info.file,
                    "describes %s more than once, as %s; name the dataset instead of the file"
                            .formatted(name, String.join(", ", names)));
        }
        DatasetDescription description = info.named(names.get(0));
        description.checkSha1(data);
        return description;
    }

    private static boolean isSame(Path directory, @Nullable String named, Path data) {
        return named != null
                && directory.resolve(named).normalize().equals(data.toAbsolutePath().normalize());
    }

    /**
     * What it says about the dataset of that name.
     *
     * @throws DatasetException if that is nothing that can be used; says what to do
     * @throws IOException if a directory of files cannot be listed
     */
    DatasetDescription named(String name) throws IOException {
        JsonNode dataset = datasets.path(name);
        if (!dataset.isObject()) {
            throw new DatasetException(
                    file, "has no dataset \"%s\"; it has %s".formatted(name, names()));
        }
        DatasetDescription description = DatasetDescription.of(file, name, dataset);
        if (!isRanked(dataset)) {
            throw new DatasetException(
                    file,
                    ("dataset \"%s\" is not for ranking; if its rows hold better and worse answers,"
                                    + " add \"ranking\": true")
                            .formatted(name));
        }
        return description;
    }

    private boolean isRanked(JsonNode dataset) {
        if (saysWhatItIsFor(dataset)) {
            return dataset.path("ranking").asBoolean()
                    || "rm".equals(dataset.path("stage").textValue());
        }
        for (JsonNode other : datasets) {
            if (saysWhatItIsFor(other)) {
                return false;
            }
        }
        return true;
    }

    private static boolean saysWhatItIsFor(JsonNode dataset) {
        return dataset.has("ranking") || dataset.has("stage");
    }

    private String names() {
        List<String> names = new ArrayList<>();
        for (Map.Entry<String, JsonNode> dataset : datasets.properties()) {
            if (dataset.getValue().isObject() && isRanked(dataset.getValue())) {
                names.add(dataset.getKey());
            }
        }
        if (names.isEmpty()) {
            return "none of ranked answers";
        }
        return names.stream().limit(MOST_NAMES).collect(Collectors.joining(", "))
                + (names.size() > MOST_NAMES ? ", ..." : "");
    }
}
