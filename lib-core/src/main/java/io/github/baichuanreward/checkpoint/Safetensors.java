package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the header of a safetensors file.
 *
 * <p>The format: a 64-bit little-endian length, a JSON object of that length, the data. The object
 * maps each tensor's name to {@code {"dtype": "BF16", "shape": [2, 3], "data_offsets": [begin,
 * end]}}, with offsets counted from the start of the data; {@code __metadata__} maps strings to
 * strings. Elements are little-endian and row-major.
 *
 * <p>As in the format's own reader the tensors must cover the data exactly: neither overlaps nor
 * holes nor bytes behind the last one, so that nothing can hide in a file. Everything is checked
 * before the first tensor is handed out.
 */
final class Safetensors {
    /** Longest header, the limit of the format's own reader. */
    static final int MAX_HEADER_BYTES = 100_000_000;

    /** Most tensors in one file; Baichuan-13B has 283 in all. */
    static final int MAX_TENSORS = 100_000;

    /** Most dimensions of a tensor, the limit of PyTorch. */
    static final int MAX_RANK = 64;

    private static final int LENGTH_BYTES = 8;

    private final SourceFile file;

    private Safetensors(SourceFile file) {
        this.file = file;
    }

    /** The tensors of a file in the order of its header; reads the header only. */
    static Map<String, Tensor> read(SourceFile file) throws CheckpointException {
        return new Safetensors(file).read();
    }

    private Map<String, Tensor> read() throws CheckpointException {
        if (file.size() < LENGTH_BYTES) {
            throw file.error("is too short for safetensors: " + file.size() + " bytes");
        }
        long length = file.read(0, LENGTH_BYTES, "header length").getLong();
        if (length < 0 || length > MAX_HEADER_BYTES) {
            throw file.error(
                    "header length "
                            + Long.toUnsignedString(length)
                            + " is above the limit of "
                            + MAX_HEADER_BYTES);
        }
        if (length > file.size() - LENGTH_BYTES) {
            throw file.error(
                    "the header of "
                            + length
                            + " bytes ends beyond the file of "
                            + file.size()
                            + " bytes");
        }
        ByteBuffer header = file.read(LENGTH_BYTES, (int) length, "header");
        if (length == 0 || header.get(0) != '{') {
            throw file.error("the header does not begin with '{'; this is not safetensors");
        }
        List<Entry> entries = parse(header);
        long dataStart = LENGTH_BYTES + length;
        checkCoverage(entries, file.size() - dataStart);
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Entry entry : entries) {
            tensors.put(entry.name, entry.tensor(file, dataStart));
        }
        return tensors;
    }

    private List<Entry> parse(ByteBuffer header) throws CheckpointException {
        try (JsonParser json = StrictJson.parser(header)) {
            List<Entry> entries = new ArrayList<>();
            json.nextToken();
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String name = json.currentName();
                json.nextToken();
                if (name.equals("__metadata__")) {
                    checkMetadata(json);
                } else if (entries.size() == MAX_TENSORS) {
                    throw file.error("has more than " + MAX_TENSORS + " tensors");
                } else {
                    entries.add(entry(name, json));
                }
            }
            if (json.nextToken() != null) {
                throw file.error("the header goes on behind its JSON object");
            }
            return entries;
        } catch (CheckpointException e) {
            throw e;
        } catch (CharacterCodingException e) {
            throw new CheckpointException(file.path() + ": the header is not valid UTF-8", e);
        } catch (JsonProcessingException e) {
            throw new CheckpointException(
                    file.path() + ": the header is not valid JSON: " + StrictJson.reason(e), e);
        } catch (IOException e) {
            throw SourceFile.unreadable(file.path(), e);
        }
    }

    private void checkMetadata(JsonParser json) throws IOException {
        boolean strings = json.currentToken() == JsonToken.START_OBJECT;
        while (strings && json.nextToken() != JsonToken.END_OBJECT) {
            strings = json.nextToken() == JsonToken.VALUE_STRING;
        }
        if (!strings) {
            throw file.error("__metadata__ must be an object whose values are strings");
        }
    }

    private Entry entry(String name, JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw error(name, "is not described by an object");
        }
        DType dtype = null;
        long[] shape = null;
        long[] offsets = null;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            json.nextToken();
            switch (key) {
                case "dtype" -> dtype = dtype(name, json);
                case "shape" -> shape = numbers(name, key, json);
                case "data_offsets" -> offsets = numbers(name, key, json);
                default -> json.skipChildren();
            }
        }
        return new Entry(
                        name,
                        present(name, "dtype", dtype),
                        present(name, "shape", shape),
                        present(name, "data_offsets", offsets))
                .checked(this);
    }

    private DType dtype(String name, JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.VALUE_STRING) {
            throw error(name, "dtype must be a string");
        }
        DType dtype = DType.ofSafetensors(json.getText());
        if (dtype == null) {
            throw error(
                    name,
                    "has dtype "
                            + quote(json.getText())
                            + ", which is not read; save it as F32, F16 or BF16");
        }
        return dtype;
    }

    private long[] numbers(String name, String key, JsonParser json) throws IOException {
        if (json.currentToken() != JsonToken.START_ARRAY) {
            throw error(name, key + " must be an array");
        }
        long[] numbers = new long[MAX_RANK];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            boolean whole =
                    json.currentToken() == JsonToken.VALUE_NUMBER_INT
                            && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
            if (!whole || json.getLongValue() < 0) {
                throw error(name, key + " must hold whole numbers from 0 to 2^63 - 1");
            }
            if (count == MAX_RANK) {
                throw error(name, key + " has more than " + MAX_RANK + " numbers");
            }
            numbers[count++] = json.getLongValue();
        }
        return Arrays.copyOf(numbers, count);
    }

    private <T> T present(String name, String key, @Nullable T value) throws CheckpointException {
        if (value == null) {
            throw error(name, key + " is missing");
        }
        return value;
    }

    private void checkCoverage(List<Entry> entries, long dataBytes) throws CheckpointException {
        List<Entry> byOffset = new ArrayList<>(entries);
        byOffset.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long covered = 0;
        for (Entry entry : byOffset) {
            if (entry.end() > dataBytes) {
                throw error(
                        entry.name,
                        "ends at byte "
                                + entry.end()
                                + " of the data, which has only "
                                + dataBytes
                                + "; the file has been cut short");
            }
            if (entry.begin() < covered) {
                throw error(
                        entry.name,
                        "begins at byte "
                                + entry.begin()
                                + " and overlaps another that ends at "
                                + covered);
            }
            if (entry.begin() > covered) {
                throw error(
                        entry.name,
                        "begins at byte "
                                + entry.begin()
                                + ", which leaves a hole after "
                                + covered);
            }
            covered = entry.end();
        }
        if (covered != dataBytes) {
            throw file.error(
                    "has " + (dataBytes - covered) + " bytes of data behind the last tensor");
        }
    }

    private CheckpointException error(String tensor, String message) {
        return file.error("tensor " + quote(tensor) + ": " + message);
    }

    /** One tensor of the header. */
    private static final class Entry {
        private final String name;
        private final DType dtype;
        private final long[] shape;
        private final long[] offsets;

        Entry(String name, DType dtype, long[] shape, long[] offsets) {
            this.name = name;
            this.dtype = dtype;
            this.shape = shape;
            this.offsets = offsets;
        }

        long begin() {
            return offsets[0];
        }

        long end() {
            return offsets[1];
        }

        /** This entry, once its numbers agree with each other. */
        Entry checked(Safetensors reader) throws CheckpointException {
            if (offsets.length != 2) {
                throw reader.error(
                        name, "data_offsets must hold two numbers, not " + offsets.length);
            }
            if (begin() > end()) {
                throw reader.error(
                        name,
                        "data_offsets [" + begin() + ", " + end() + "] end before they begin");
            }
            long bytes;
            try {
                bytes = Math.multiplyExact(Tensor.elementsOf(shape), (long) dtype.bytes());
            } catch (ArithmeticException e) {
                throw reader.error(name, "the product of the sizes of its shape is above 2^63 - 1");
            }
            if (end() - begin() != bytes) {
                throw reader.error(
                        name,
                        "shape and dtype need "
                                + bytes
                                + " bytes; data_offsets give "
                                + (end() - begin()));
            }
            return this;
        }

        Tensor tensor(SourceFile file, long dataStart) {
            return new Tensor(
                    name,
                    dtype,
                    shape,
                    Tensor.rowMajorStrides(shape),
                    file.path(),
                    file.size(),
                    dataStart + begin());
        }
    }
}
