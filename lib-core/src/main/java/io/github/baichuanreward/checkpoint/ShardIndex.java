package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Reads {@code *.index.json}: which shard holds which tensor.
 *
 * <p>Only its {@code weight_map} is used. Shards must be named plainly, so that an index cannot
 * point outside its directory.
 */
final class ShardIndex {
    /** Longest index; one of 283 tensors has 23 KB. */
    static final int MAX_BYTES = 100_000_000;

    private ShardIndex() {}

    /** Tensor name to file name, in the order of the file; never empty. */
    static Map<String, String> read(Path path) throws CheckpointException {
        try (SourceFile file = SourceFile.open(path)) {
            if (file.size() > MAX_BYTES) {
                throw file.error(
                        file.size()
                                + " bytes are above the limit of "
                                + MAX_BYTES
                                + " for an index");
            }
            return parse(file);
        }
    }

    private static Map<String, String> parse(SourceFile file) throws CheckpointException {
        Map<String, String> shards = new LinkedHashMap<>();
        try (JsonParser json = StrictJson.parser(file.read(0, (int) file.size(), "index"))) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw file.error("is not a JSON object");
            }
            while (json.nextToken() != JsonToken.END_OBJECT) {
                String key = json.currentName();
                json.nextToken();
                if (key.equals("weight_map")) {
                    readWeightMap(shards, json, file);
                } else {
                    json.skipChildren();
                }
            }
            if (json.nextToken() != null) {
                throw file.error("goes on behind its JSON object");
            }
        } catch (CheckpointException e) {
            throw e;
        } catch (CharacterCodingException e) {
            throw new CheckpointException(file.path() + ": is not valid UTF-8", e);
        } catch (JsonProcessingException e) {
            throw new CheckpointException(
                    file.path() + ": is not valid JSON: " + StrictJson.reason(e), e);
        } catch (IOException e) {
            throw SourceFile.unreadable(file.path(), e);
        }
        if (shards.isEmpty()) {
            throw file.error("names no tensor: weight_map is missing or empty");
        }
        return shards;
    }

    private static void readWeightMap(Map<String, String> shards, JsonParser json, SourceFile file)
            throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw file.error("weight_map is not an object");
        }
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String tensor = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw file.error("weight_map gives no file name for tensor " + quote(tensor));
            }
            String shard = json.getText();
            if (!isPlainName(shard, file.path())) {
                throw file.error(
                        "weight_map puts tensor "
                                + quote(tensor)
                                + " into "
                                + quote(shard)
                                + ", which is not the plain name of a file in the same directory");
            }
            shards.put(tensor, shard);
        }
    }

    private static boolean isPlainName(String name, Path index) {
        if (name.isEmpty()
                || name.equals(".")
                || name.equals("..")
                || name.indexOf('/') >= 0
                || name.indexOf('\\') >= 0) {
            return false;
        }
        try {
            // Catches what only this system takes for something else than a name, such as a drive.
            Path resolved = index.resolveSibling(name);
            return index.resolveSibling("x").getNameCount() == resolved.getNameCount()
                    && resolved.endsWith(name);
        } catch (InvalidPathException e) {
            return false;
        }
    }
}
