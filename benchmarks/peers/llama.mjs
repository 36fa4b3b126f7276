// llama.cpp's turn in a round of benchmarks/cpu-peers, which copies this file beside the installed node-llama-cpp:
//   node llama.mjs MODEL_DIRECTORY GGUF_FILE THREADS REPEATS LENGTH...
// Prints the lines that ScoringTurn.java describes.
//
// Timed is the evaluation of all tokens without any output, which is the least that llama.cpp can be asked to do
// with a sequence. The reward comes from another context, which gives the last token's final-normed hidden state;
// the value head, which llama.cpp does not know, is applied here.
import fs from "node:fs";
import path from "node:path";
import {getLlama, getModuleVersion} from "node-llama-cpp";

const [modelDirectory, ggufFile, threadsText, repeatsText, ...lengthTexts] = process.argv.slice(2);
const threads = Number(threadsText);
const repeats = Number(repeatsText);
const lengths = lengthTexts.map(Number);
// One more than the longest: an embedding context keeps a place free.
const contextSize = Math.max(...lengths) + 1;

const llama = await getLlama({gpu: false, build: "never", progressLogs: false, maxThreads: threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: ggufFile});
console.log(`about ${await versions()}`);
await printRewards();
await printRates();
await llama.dispose();

// The same as ScoringTurn.ids.
function ids(length) {
    return Array.from({length}, (_, i) => 259 + (i * 37) % 3000);
}

async function printRewards() {
    const head = valueHead(path.join(modelDirectory, "model.safetensors"));
    const context = await model.createEmbeddingContext({contextSize, batchSize: contextSize, threads});
    for (const length of lengths) {
        const {vector} = await context.getEmbeddingFor(ids(length));
        const reward = vector.reduce((sum, value, i) => sum + value * head.weight[i], head.bias);
        console.log(`reward ${length} ${reward.toFixed(6)}`);
    }
    await context.dispose();
}

async function printRates() {
    // A batch of the longest sequence: none is cut in two.
    const context = await model.createContext({contextSize, batchSize: contextSize, threads, sequences: 1});
    const sequence = context.getSequence();
    for (const length of lengths) {
        await secondsFor(sequence, ids(length));
    }
    for (const length of lengths) {
        for (let i = 0; i < repeats; i++) {
            console.log(`rate ${length} ${(length / await secondsFor(sequence, ids(length))).toFixed(2)}`);
        }
    }
    await context.dispose();
}

async function secondsFor(sequence, tokens) {
    await sequence.clearHistory();
    const start = performance.now();
    await sequence.evaluateWithoutGeneratingNewTokens(tokens);
    return (performance.now() - start) / 1000;
}

async function versions() {
    const binding = await getModuleVersion();
    // Which of the prebuilt libraries was chosen for this CPU.
    const loaded = fs.existsSync("/proc/self/maps")
        ? /libggml-cpu-(\w+)\.so/.exec(fs.readFileSync("/proc/self/maps", "utf8"))?.[1] ?? "unknown"
        : "unknown";
    return `llama.cpp ${llama.llamaCppRelease.release} (node-llama-cpp ${binding}, Node.js ${process.versions.node}), `
        + `CPU library ${loaded}; bfloat16 weights, ${threads} threads`;
}

// The value head, bfloat16, as floats.
function valueHead(file) {
    const handle = fs.openSync(file);
    const read = (position, bytes) => {
        const buffer = Buffer.alloc(bytes);
        fs.readSync(handle, buffer, 0, bytes, position);
        return buffer;
    };
    const headerBytes = Number(read(0, 8).readBigUInt64LE());
    const header = JSON.parse(read(8, headerBytes).toString("utf8"));
    const floats = (name) => {
        const [begin, end] = header[name].data_offsets;
        const bytes = read(8 + headerBytes + begin, end - begin);
        // A bfloat16 is the upper half of a float.
        return Float32Array.from({length: bytes.length / 2}, (_, i) => {
            const float = Buffer.alloc(4);
            bytes.copy(float, 2, 2 * i, 2 * i + 2);
            return float.readFloatLE();
        });
    };
    const weight = floats("v_head.summary.weight");
    const [bias] = floats("v_head.summary.bias");
    fs.closeSync(handle);
    return {weight, bias};
}
