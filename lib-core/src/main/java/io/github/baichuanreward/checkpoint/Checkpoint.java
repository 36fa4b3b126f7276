package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a model directory or of one weights file, by name.
 *
 * <pre>{@code
 * Checkpoint checkpoint = Checkpoint.open(Path.of("/models/baichuan-13b-rm"));
 * Tensor norm = checkpoint.find("model.norm.weight");
 * }</pre>
 *
 * <p>Opening reads headers only and checks them completely; data is read when a {@link Tensor} is
 * mapped. No code from a file is ever run. Immutable, for use by many threads, holds no open file.
 */
public final class Checkpoint {
    private static final String INDEX = ".index.json";

    /** What the main weights may be called, in the order in which they are looked for. */
    private static final List<String> MAIN_FILES =
            List.of(
                    "model.safetensors" + INDEX,
                    "model.safetensors",
                    "pytorch_model.bin" + INDEX,
                    "pytorch_model.bin");

    /** How many names one message lists. */
    private static final int MAX_LISTED = 10;

    /** How many bytes tell the formats apart. */
    private static final int MAGIC_BYTES = 20;

    private final Path path;
    private final String format;
    private final Map<String, Tensor> tensors;

    private Checkpoint(Path path, String format, Map<String, Tensor> tensors) {
        this.path = path;
        this.format = format;
        this.tensors = Collections.unmodifiableMap(tensors);
    }

    /**
     * Opens the main weights of a Hugging Face directory.
     *
     * <p>The first of these is taken: {@code model.safetensors.index.json}, {@code
     * model.safetensors}, {@code pytorch_model.bin.index.json}, {@code pytorch_model.bin}. An index
     * goes before the single file beside it: where both are present the model is in the shards, and
     * the single file holds only something extra such as a value head.
     *
     * <p>With an index, it decides which tensors there are: tensors of a shard that it does not
     * name are left out, and of a tensor in two shards the one that it names is taken.
     *
     * @throws CheckpointException if there are no weights, a shard or a tensor of the index is
     *     missing (all missing ones in one message), or a file is damaged, not readable or of no
     *     known format
     */
    public static Checkpoint open(Path directory) throws CheckpointException {
        if (!Files.isDirectory(directory)) {
            throw new CheckpointException(
                    directory
                            + (Files.exists(directory)
                                    ? ": is a file; give the directory that holds config.json and the weights"
                                    : ": no such directory"));
        }
        for (String name : MAIN_FILES) {
            Path file = directory.resolve(name);
            if (Files.exists(file) || Files.isSymbolicLink(file)) {
                return name.endsWith(INDEX) ? openShards(directory, file) : openFile(file);
            }
        }
        throw new CheckpointException(
                directory + ": holds no weights; looked for " + String.join(", ", MAIN_FILES));
    }

    /**
     * Opens one file, safetensors or of torch.save (zip or legacy), whatever its name.
     *
     * @throws CheckpointException if the file is missing, damaged, not readable or of no known
     *     format
     */
    public static Checkpoint openFile(Path file) throws CheckpointException {
        Format format = Format.of(file);
        return new Checkpoint(file, format.title + ", 1 file", format.read(file));
    }

    /**
     * Tensors that lie in no known format, such as windows into one file.
     *
     * @param path what to name in messages
     * @param format in words, such as {@code safetensors, 2 shards}
     */
    public static Checkpoint of(Path path, String format, List<Tensor> tensors) {
        Map<String, Tensor> byName = new LinkedHashMap<>();
        tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
        return new Checkpoint(path, format, byName);
    }

    /** The names of all tensors, in the order of the file or the index. */
    public Set<String> names() {
        return tensors.keySet();
    }

    /** The tensor of that name, or null if there is none. */
    public @Nullable Tensor find(String name) {
        return tensors.get(name);
    }

    /** The directory or file that was opened. */
    public Path path() {
        return path;
    }

    /** Format and number of files, such as {@code safetensors, 2 shards}. */
    public String format() {
        return format;
    }

    private static Checkpoint openShards(Path directory, Path index) throws CheckpointException {
        Map<String, String> shardOf = ShardIndex.read(index);
        Set<String> shards = new TreeSet<>(shardOf.values());
        List<String> missingFiles =
                shards.stream().filter(name -> !Files.exists(directory.resolve(name))).toList();
        if (!missingFiles.isEmpty()) {
            throw new CheckpointException(
                    index
                            + ": names files that are not there: "
                            + listed(missingFiles)
                            + "; fetch them into "
                            + directory);
        }
        Map<String, Map<String, Tensor>> contents = new TreeMap<>();
        Set<String> formats = new TreeSet<>();
        for (String shard : shards) {
            Path file = directory.resolve(shard);
            Format format = Format.of(file);
            formats.add(format.title);
            contents.put(shard, format.read(file));
        }
        return new Checkpoint(
                directory,
                String.join(" and ", formats)
                        + ", "
                        + shards.size()
                        + (shards.size() == 1 ? " shard" : " shards"),
                selected(index, shardOf, contents));
    }

    /** The tensors that the index names, each from the file that it names. */
    private static Map<String, Tensor> selected(
            Path index, Map<String, String> shardOf, Map<String, Map<String, Tensor>> contents)
            throws CheckpointException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        List<String> missing = new ArrayList<>();
        for (Map.Entry<String, String> entry : shardOf.entrySet()) {
            Tensor tensor = contents.getOrDefault(entry.getValue(), Map.of()).get(entry.getKey());
            if (tensor == null) {
                missing.add(entry.getKey() + " in " + entry.getValue());
            } else {
                tensors.put(entry.getKey(), tensor);
            }
        }
        if (!missing.isEmpty()) {
            throw new CheckpointException(
                    index + ": names tensors that their files do not hold: " + listed(missing));
        }
        return tensors;
    }

    /** At most {@link #MAX_LISTED} of them, and how many more there are. */
    private static String listed(List<String> names) {
        List<String> first =
                names.stream().limit(MAX_LISTED).map(CheckpointException::quote).toList();
        int more = names.size() - first.size();
        return String.join(", ", first)
                + (more > 0 ? " and " + more + " more (" + names.size() + " in all)" : "");
    }

    /** The formats, told apart by the first bytes of a file. */
    private enum Format {
        SAFETENSORS("safetensors"),
        PYTORCH_ZIP("PyTorch zip"),
        PYTORCH_LEGACY("PyTorch legacy");

        private final String title;

        Format(String title) {
            this.title = title;
        }

        static Format of(Path path) throws CheckpointException {
            try (SourceFile file = SourceFile.open(path)) {
                ByteBuffer magic =
                        file.read(0, (int) Math.min(MAGIC_BYTES, file.size()), "first bytes");
                // A zip's ninth byte is a compression method, and none is called '{'.
                if (magic.limit() > 8 && magic.get(8) == '{') {
                    return SAFETENSORS;
                }
                if (magic.limit() > 3 && magic.getShort(0) == ('K' << 8 | 'P')) {
                    return PYTORCH_ZIP;
                }
                if (PyTorchLegacy.isPickle(magic)) {
                    return PYTORCH_LEGACY;
                }
                throw refusal(file, magic);
            }
        }

        Map<String, Tensor> read(Path path) throws CheckpointException {
            try (SourceFile file = SourceFile.open(path)) {
                return switch (this) {
                    case SAFETENSORS -> Safetensors.read(file);
                    case PYTORCH_ZIP -> PyTorchZip.read(file);
                    case PYTORCH_LEGACY -> PyTorchLegacy.read(file);
                };
            }
        }

        private static CheckpointException refusal(SourceFile file, ByteBuffer magic) {
            String start = StandardCharsets.ISO_8859_1.decode(magic).toString();
            if (start.startsWith("version https://git")) {
                return file.error(
                        "is a Git LFS pointer, not the weights themselves; run: git lfs pull");
            }
            return file.error(
                    "is neither safetensors nor a file of torch.save; it begins with "
                            + quote(start));
        }
    }
}
