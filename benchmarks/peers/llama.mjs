// llama.cpp's turn in a round of benchmarks/cpu-peers, which copies this file beside the installed node-llama-cpp:
//   node llama.mjs MODEL_DIRECTORY GGUF_FILE THREADS TASKS ROUND
// Prints the lines that ScoringTurn.java describes; Task.java says what TASKS, a folder, holds.
//
// Timed is the evaluation of all tokens without any output, which is the least that llama.cpp can be asked to do
// with a sequence. Rewards come from another context, which gives the last token's final-normed hidden state; the
// value head, which llama.cpp does not know, is applied here. They take as long as what is timed, and are the same
// in every round: but for the first sequence, only round 1 tells them.
import fs from "node:fs";
import path from "node:path";
import {getLlama, getModuleVersion} from "node-llama-cpp";

const [modelDirectory, ggufFile, threadsText, tasksFolder, round] = process.argv.slice(2);
const threads = Number(threadsText);
const tasks = readLines("tasks").map((line) => {
    const [kind, name, repeats] = line.split(" ");
    const sequences = readLines(`${name}.ids`).map((ids) => ids.split(" ").map(Number));
    return {kind, name, repeats: Number(repeats), sequences};
});

const llama = await getLlama({gpu: false, build: "never", progressLogs: false, maxThreads: threads, logLevel: "error"});
const model = await llama.loadModel({modelPath: ggufFile});
const head = valueHead(path.join(modelDirectory, "model.safetensors"));
const loading = tasks.filter(({kind}) => kind === "load");
await printRewards(loading);
// Counted from the start of Node.js.
console.log(`loaded ${(performance.now() / 1000).toFixed(3)}`);
console.log(`about ${await versions()}`);
await printTimes(tasks.filter(({kind}) => kind !== "load"));
if (round === "1") {
    await printRewards(tasks.filter(({kind}) => kind !== "load" && kind !== "warm"));
}
await llama.dispose();

function readLines(file) {
    return fs.readFileSync(path.join(tasksFolder, file), "utf8").trimEnd().split("\n");
}

function contextOptions(of) {
    const longest = Math.max(...of.flatMap(({sequences}) => sequences.map((ids) => ids.length)));
    // One more than the longest: a place is kept free. Batches of 512 are llama.cpp's default; larger ones were not faster,
    // nor was attention in other ways than the one that llama.cpp chooses by itself.
    return {contextSize: longest + 1, batchSize: Math.min(longest + 1, 512), threads};
}

async function printRewards(of) {
    // The package's own context of embeddings keeps no prompt, so that the way which is timed would not be the one
    // that is checked. What begins with _ is not in its documentation, and the lock file holds the version.
    const context = await model.createContext({...contextOptions(of), sequences: 1, _embeddings: true});
    const sequence = context.getSequence();
    for (const {name, sequences} of of) {
        await sequence.clearHistory();
        for (const [index, ids] of sequences.entries()) {
            await evaluate(sequence, ids);
            const state = context._ctx.getEmbedding(ids.length);
            const reward = state.reduce((sum, value, i) => sum + value * head.weight[i], head.bias);
            console.log(`reward ${name} ${index} ${reward.toFixed(6)}`);
        }
    }
    await context.dispose();
}

async function printTimes(of) {
    const context = await model.createContext({...contextOptions(of), sequences: 1});
    const sequence = context.getSequence();
    for (const {kind, name, repeats, sequences} of of) {
        for (let i = 0; i < repeats; i++) {
            await sequence.clearHistory();
            const start = performance.now();
            for (const ids of sequences) {
                await evaluate(sequence, ids);
            }
            const milliseconds = performance.now() - start;
            if (kind === "speed") {
                console.log(`seconds ${name} ${(milliseconds / 1000).toFixed(6)}`);
            } else if (kind === "lone") {
                console.log(`lone ${milliseconds.toFixed(3)}`);
            }
        }
    }
    // With this context still there, and before that of rewards.
    printMemory("peak", "VmHWM");
    printMemory("anonymous", "RssAnon");
    await context.dispose();
}

async function evaluate(sequence, ids) {
    // What it begins with as the one before, a prompt, stays; the rest is erased, and nothing is moved.
    await sequence.adaptStateToTokens(ids, false);
    await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(sequence.nextTokenIndex));
}

function printMemory(name, field) {
    if (fs.existsSync("/proc/self/status")) {
        const [, kib] = new RegExp(`${field}:\\s*(\\d+)`).exec(fs.readFileSync("/proc/self/status", "utf8")) ?? [];
        if (kib !== undefined) {
            console.log(`memory ${name} ${kib}`);
        }
    }
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
