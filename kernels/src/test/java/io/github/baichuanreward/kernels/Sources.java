package io.github.baichuanreward.kernels;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The files of this module, and what the CUDA sources say of themselves. */
final class Sources {

    /** The module's folder, for tests that run there or in the folder above. */
    static final Path MODULE =
            Files.isDirectory(Path.of("kernels/src/main/cuda"))
                    ? Path.of("kernels").toAbsolutePath()
                    : Path.of("").toAbsolutePath();

    static final Path CUDA = MODULE.resolve("src/main/cuda");
    static final Path TEST_CPP = MODULE.resolve("src/test/cpp");
    static final Path TARGET = MODULE.resolve("target");

    private static final Pattern DECLARATION = Pattern.compile("__global__ void ([\\w#]+)\\(");
    private static final Pattern INSTANCE = Pattern.compile("(?m)^KERNELS_OF\\(\\w+, (\\w+)\\)");

    private Sources() {}

    /** Returns the names of the files in a folder that end so, sorted, without that end. */
    static List<String> names(Path folder, String end) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(end))
                    .map(name -> name.substring(0, name.length() - end.length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Returns the names of the programs that test kernels and the emulator. The fake GPU's own is
     * none of them.
     */
    static List<String> programs() {
        List<String> names = new ArrayList<>(names(TEST_CPP, "_test.cpp"));
        names.addAll(names(TEST_CPP.resolve("simt"), "_test.cpp"));
        return names;
    }

    /**
     * Returns the hash that the checked-in PTX names: over the sources' names and contents, sorted
     * by name, whatever their ends of lines; {@code make sources-hash} prints the same.
     */
    static String sha256() throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
        for (String name : names(CUDA, "")) {
            if (name.endsWith(".cu") || name.endsWith(".cuh") || name.endsWith(".h")) {
                String content = Files.readString(CUDA.resolve(name)).replace("\r", "");
                digest.update((name + "\n" + content).getBytes(StandardCharsets.UTF_8));
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Returns an integer constant that a {@code kernels.h} defines, as a number or a product. */
    static int constant(String header, String name) {
        Matcher value = Pattern.compile("\\b" + name + " = (\\d+)(?: \\* (\\d+))?").matcher(header);
        if (!value.find()) {
            throw new AssertionError("kernels.h has no " + name);
        }
        int factor = value.group(2) == null ? 1 : Integer.parseInt(value.group(2));
        return Integer.parseInt(value.group(1)) * factor;
    }

    /** Returns the names of all kernels that a {@code kernels.h} declares. */
    static List<String> kernels(String header) {
        List<String> dtypes = new ArrayList<>();
        Matcher instance = INSTANCE.matcher(header);
        while (instance.find()) {
            dtypes.add(instance.group(1));
        }
        List<String> kernels = new ArrayList<>();
        Matcher declaration = DECLARATION.matcher(header);
        while (declaration.find()) {
            String name = declaration.group(1);
            if (name.endsWith("_##dtype")) {
                String op = name.substring(0, name.length() - "##dtype".length());
                dtypes.forEach(dtype -> kernels.add(op + dtype));
            } else {
                kernels.add(name);
            }
        }
        return kernels;
    }
}
