package io.github.baichuanreward.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.baichuanreward.rows.FileInput;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The file {@code OUTPUT.resume} beside an output: everything that its rewards depend on. It is
 * there from before the first row until after the last.
 */
final class RunRecord {

    /** Files of a model's directory that rewards depend on. */
    private static final Pattern MODEL_FILES =
            Pattern.compile(
                    ".*\\.(safetensors|bin|pt|pth|model|index\\.json)|(adapter_)?config\\.json");

    static final String INPUT = "input";
    static final String MODEL = "model";
    static final String ADAPTERS = "adapters";

    /** Stands for the input that a run ended at a bad row of: it may change behind that. */
    static final String MENDED = "ended at a bad row, which may be mended";

    private final Path file;

    private RunRecord(Path file) {
        this.file = file;
    }

    /** The record beside {@code output}, whether it is there or not. */
    static RunRecord of(Path output) {
        return new RunRecord(output.resolveSibling(output.getFileName() + ".resume"));
    }

    Path file() {
        return file;
    }

    boolean exists() {
        return Files.exists(file);
    }

    void delete() throws IOException {
        Files.deleteIfExists(file);
    }

    /** Writes the record; whoever looks finds it whole or not at all, also after a power cut. */
    void write(Map<String, String> run) throws IOException {
        byte[] text =
                (new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(run) + "\n")
                        .getBytes(StandardCharsets.UTF_8);
        Path draft = file.resolveSibling(file.getFileName() + ".new");
        try (FileChannel channel =
                FileChannel.open(
                        draft,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(text);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(
                draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Writes the record of a run that can do without: where it fails, says what that means. */
    void tryToWrite(Map<String, String> run, PrintStream notes) {
        try {
            write(run);
        } catch (IOException e) {
            notes.println(
                    file
                            + ": cannot be written, so this run cannot be resumed when it is"
                            + " interrupted");
        }
    }

    /**
     * The first thing that is not as it was when the record was written, or null if all is.
     *
     * @throws FailureException if the record is damaged
     */
    @Nullable String difference(Map<String, String> run) throws IOException {
        Map<String, String> before = read();
        for (Map.Entry<String, String> now : run.entrySet()) {
            String then = before.get(now.getKey());
            if (!now.getValue().equals(then) && !MENDED.equals(then)) {
                return switch (now.getKey()) {
                    case INPUT -> "the input has changed since";
                    case MODEL -> "the model's files have changed since, or it is another model";
                    case ADAPTERS -> "it was begun with other adapters";
                    default ->
                            "it was begun with %s %s, and this is %s"
                                    .formatted(now.getKey(), then, now.getValue());
                };
            }
        }
        return null;
    }

    /**
     * A number that was written besides; 0 if there is none.
     *
     * @throws FailureException if the record is damaged
     */
    double number(String key) throws IOException {
        String text = read().get(key);
        try {
            return text == null ? 0 : Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw new FailureException(damaged(), e);
        }
    }

    private String damaged() {
        return file + ": damaged; run without --resume to start again, which replaces the output";
    }

    private Map<String, String> read() throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            Map<String, String> record = new ObjectMapper().readValue(in, new TypeReference<>() {});
            if (record == null) {
                throw new FailureException(damaged());
            }
            return record;
        } catch (JsonProcessingException e) {
            throw new FailureException(damaged(), e);
        }
    }

    /** Size and hash of a file, which is read once for it. */
    static String contents(Path file) throws IOException {
        MessageDigest digest = sha256();
        long bytes = 0;
        try (InputStream in = new FileInput(Files.newInputStream(file), file.toString())) {
            byte[] buffer = new byte[1 << 16];
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
                bytes += n;
            }
        }
        return bytes + " bytes, sha256 " + hex(digest);
    }

    /**
     * Tells models apart by names, sizes and times of their files: their contents may be 26 GB.
     *
     * @param directories a model's, or those of its adapters
     */
    static String models(List<Path> directories) throws IOException {
        Map<String, String> all = new LinkedHashMap<>();
        for (Path directory : directories) {
            try (Stream<Path> files = Files.list(directory)) {
                for (Path path : files.sorted().toList()) {
                    if (MODEL_FILES.matcher(path.getFileName().toString()).matches()) {
                        all.put(
                                all.size() + " " + path.getFileName(),
                                Files.size(path)
                                        + " "
                                        + Files.getLastModifiedTime(path).toMillis());
                    }
                }
            }
        }
        String listing =
                all.entrySet().stream()
                        .map(file -> file.getKey() + " " + file.getValue())
                        .collect(Collectors.joining("\n"));
        MessageDigest digest = sha256();
        digest.update(listing.getBytes(StandardCharsets.UTF_8));
        return all.size() + " files with the mark " + hex(digest).substring(0, 12);
    }

    /** Tells runs apart by all that their rewards depend on. */
    static String fingerprint(Map<String, String> run) {
        MessageDigest digest = sha256();
        digest.update(run.toString().getBytes(StandardCharsets.UTF_8));
        return hex(digest).substring(0, 16);
    }

    private static String hex(MessageDigest digest) {
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }
}
