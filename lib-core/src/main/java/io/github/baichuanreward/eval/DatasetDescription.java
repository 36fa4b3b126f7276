package io.github.baichuanreward.eval;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.baichuanreward.rows.JsonRow;
import io.github.baichuanreward.rows.Row;
import io.github.baichuanreward.rows.RowException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What {@code dataset_info.json} says about one dataset.
 *
 * @param files where its rows are
 * @param layout how they are laid out
 * @param sha1 the hash that its file should have, or null
 */
record DatasetDescription(List<Path> files, Layout layout, @Nullable String sha1) {

    private static final Logger LOG = LoggerFactory.getLogger(DatasetDescription.class);

    /** Keys of what must be downloaded. */
    private static final List<String> REMOTE =
            List.of("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url");

    /** Columns of what no text can stand for. */
    private static final List<String> BEYOND_TEXT = List.of("images", "videos", "audios", "tools");

    /** A layout for rows that may also have a system message in a field of its own. */
    private record WithoutSystem(String system, Layout layout) implements Layout {
        @Override
        public Texts texts(Row row) throws RowException {
            if (!Fields.textOrEmpty(row, system).isEmpty()) {
                throw Fields.bad(
                        row,
                        JsonRow.quote(system)
                                + " holds a system message, which the templates have no place for;"
                                + " put its text into the first prompt");
            }
            return layout.texts(row);
        }
    }

    /** A dataset that cannot be used, of which {@code what} is wrong. */
    private static DatasetException bad(Path info, String name, String what) {
        return new DatasetException(info, "dataset \"%s\" %s".formatted(name, what));
    }

    /**
     * Reads a description.
     *
     * @param info the file that holds it
     * @param name the dataset's
     * @throws DatasetException if it is nothing that can be used; says what to do
     * @throws IOException if a directory of files cannot be listed
     */
    static DatasetDescription of(Path info, String name, JsonNode json) throws IOException {
        String file = json.path("file_name").textValue();
        if (file == null) {
            throw bad(info, name, withoutFile(json));
        }
        Path data = info.resolveSibling(file);
        if (data.toAbsolutePath()
                .normalize()
                .equals(info.toAbsolutePath().normalize().getParent())) {
            throw bad(
                    info,
                    name,
                    "names the whole folder as its \"file_name\"; name the file that holds its rows");
        }
        return new DatasetDescription(
                files(data), layout(info, name, json), json.path("file_sha1").textValue());
    }

    private static String withoutFile(JsonNode json) {
        for (String key : REMOTE) {
            if (json.has(key)) {
                return ("has no \"file_name\", only \"%s\": %s; nothing is downloaded here: download"
                                + " it, and name the file that holds its rows")
                        .formatted(key, json.get(key));
            }
        }
        return "has no \"file_name\"; add it, or name the file that holds its rows";
    }

    /** A directory stands for its files. */
    private static List<Path> files(Path data) throws IOException {
        if (!Files.isDirectory(data)) {
            return List.of(data);
        }
        try (Stream<Path> inside = Files.list(data)) {
            List<Path> files = inside.filter(Files::isRegularFile).sorted().toList();
            if (files.isEmpty()) {
                throw new DatasetException(data, "holds no files; put the dataset's files there");
            }
            return files;
        }
    }

    private static Layout layout(Path info, String name, JsonNode json) {
        JsonNode columns = json.path("columns");
        if (!columns.isObject() && !columns.isMissingNode()) {
            throw bad(info, name, "has \"columns\" that are no object of names; mend it");
        }
        for (String column : BEYOND_TEXT) {
            if (columns.has(column)) {
                throw bad(
                        info,
                        name,
                        "has a column of %s, which a model of texts cannot judge by; name another dataset"
                                .formatted(column));
            }
        }
        Layout layout = layout(info, name, json, columns);
        String system = columns.path("system").textValue();
        return system == null ? layout : new WithoutSystem(system, layout);
    }

    private static Layout layout(Path info, String name, JsonNode json, JsonNode columns) {
        String formatting = json.path("formatting").asText("alpaca");
        return switch (formatting) {
            case "alpaca" -> columns.isEmpty() ? new RecognisedLayout() : alpaca(columns);
            case "sharegpt" -> shareGpt(columns, json.path("tags"), MessageTags.SHAREGPT);
            case "openai" -> shareGpt(columns, json.path("tags"), MessageTags.OPENAI);
            default ->
                    throw bad(
                            info,
                            name,
                            "has the formatting \"%s\"; known are alpaca, sharegpt and openai"
                                    .formatted(formatting));
        };
    }

    /** As in the original, a field without a column here is not read, whatever it is called. */
    private static Layout alpaca(JsonNode columns) {
        boolean paired = columns.has("chosen") || columns.has("rejected");
        return new TextLayout(
                columns.path("prompt").asText("instruction"),
                columns.path("query").textValue(),
                columns.path("history").textValue(),
                paired
                        ? List.of(
                                columns.path("chosen").asText("chosen"),
                                columns.path("rejected").asText("rejected"))
                        : List.of(columns.path("response").asText("output")));
    }

    private static Layout shareGpt(JsonNode columns, JsonNode tags, MessageTags defaults) {
        return new ShareGptLayout(
                columns.path("messages").asText("conversations"),
                columns.path("chosen").asText("chosen"),
                columns.path("rejected").asText("rejected"),
                new MessageTags(
                        tags.path("role_tag").asText(defaults.role()),
                        tags.path("content_tag").asText(defaults.content()),
                        tags.path("user_tag").asText(defaults.user()),
                        tags.path("assistant_tag").asText(defaults.assistant()),
                        tags.path("system_tag").asText(defaults.system())));
    }

    /** Warns if {@code file} is not the one that was described, as the original does. */
    void checkSha1(Path file) throws IOException {
        if (sha1 == null || files.size() > 1) {
            return;
        }
        String found = sha1(file);
        if (!found.equals(sha1.toLowerCase(Locale.ROOT))) {
            LOG.warn(
                    "{}: SHA-1 is {}, but {} says {}: it may be another version",
                    file,
                    found,
                    DatasetInfo.NAME,
                    sha1);
        }
    }

    private static String sha1(Path file) throws IOException {
        try (DigestInputStream in =
                new DigestInputStream(
                        Files.newInputStream(file), MessageDigest.getInstance("SHA-1"))) {
            in.transferTo(OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(in.getMessageDigest().digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-1", e);
        }
    }
}
