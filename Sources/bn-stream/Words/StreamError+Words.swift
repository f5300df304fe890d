import ChunkCodec
import Configuration
import FileNames
import HDF5
import LayerFiles
import SystemPackage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension StreamError: CustomStringConvertible {
  /// One line: what is wrong, where, and what to do.
  public var description: String { words { _ in "--in" } }

  /// The same.
  /// - Parameter option: with which option the user gave a path.
  func words(naming option: (_ path: String) -> String) -> String {
    switch self {
    case .noSuchInput(let path):
      "\(path): there is no such file; check \(option(path))"
    case .noInputMatches(let pattern):
      "no file has a name like \(pattern); check the pattern given to --in"
    case .inputsUnusable(let inputs, let count):
      "\(inputs.count) of \(count) input files cannot be used: "
        + inputs.map { $0.error.words(naming: option) }.joined(separator: "; ")
    case .inputTwice(let path, let other) where path == other:
      "\(path): is given to --in twice, but samples count once; leave one out"
    case .inputTwice(let path, let other):
      "\(path): is the same file as \(other), but samples count once; leave one out of --in"
    case .filesDiffer(let file, let difference, let like):
      "\(file): \(difference.words(like: like)); the files of --in are read as one, so correct it or leave the file out"
    case .inputUnreadable(let path, let number):
      "\(path): cannot be read: \(words(number)); check its permissions, or \(option(path))"
    case .inputIsNotAFile(let path):
      "\(path): is not a regular file; \(option(path)) takes an HDF5 file"
    case .inputIsNotHDF5(let path):
      "\(path): is not an HDF5 file, or its beginning is damaged; write it anew with h5py or another HDF5 library, or check "
        + option(path)
    case .inputDamaged(let path, let error):
      "\(path): cannot be opened as HDF5: \(error.cause ?? error.function); the file is truncated or damaged: copy or write "
        + "it anew"
    case .inputLocked(let path, let holders):
      "\(path): is open in \(holders.isEmpty ? "another program" : words(holders)), which may be writing it; close it there, or "
        + "wait until that has ended"
    case .inputNotClosed(let path):
      "\(path): was not closed by the program that wrote it, or is still being written; if that program has ended, make it "
        + "readable with `h5clear -s \(path)`: what had not reached the disk is lost"
    case .noLayers(let path, DatasetPattern.placeholder, let present, let skipped):
      "\(path): no dataset of numbers at the root has two axes or more, to be the activations of a layer; \(contents(present))leave "
        + "grouped_by out, or say with `datasets` where layers are"
        + skipped.map { "; \($0)" }.joined()
    case .noLayers(let path, let wanted, let present, let skipped)
    where wanted.contains(DatasetPattern.placeholder):
      "\(path): no dataset lies at `\(wanted)`, by which layers are found; \(contents(present))correct the configuration"
        + skipped.map { "; \($0)" }.joined()
    case .noLayers(let path, let wanted, let present, let skipped):
      "\(path): no group holds a dataset `\(wanted)`; \(contents(present))name yours in the configuration, as in "
        + "{\"datasets\": {\"activations\": \"\(likelyActivations(present))\"}}"
        + skipped.map { "; \($0)" }.joined()
    case .layerInsideResults(let file, let layer, let inside):
      "\(file): the layer \(layer) lies where the results of \(inside) are written; rename its group, or run the layers one "
        + "by one with --layer"
    case .noLayerSelected(let path, let patterns, let available, let skipped):
      "\(path): no layer matches \(patterns.joined(separator: ", ")); there is \(listed(available))"
        + skipped.map { "; \($0)" }.joined()
    case .noLayerIsText(let path, let layers):
      "\(path): no layer has a name that is UTF-8; there is \(listed(layers)); select those to compute, as with --layer "
        + "'\((layers.first ?? "").shown)'"
    case .refusedByStrict(let file, let warnings):
      "\(file): \(warnings.first?.description ?? "")"
        + (warnings.count > 1 ? " (and \(warnings.count - 1) more like it)" : "")
        + "; strict makes this an error"

    case .twoNames(let file, let layer, let names):
      "\(file): \(layer) holds both \(names.map { "`\($0)`" }.joined(separator: " and ")), two names for one thing; "
        + "remove one, or choose with `datasets` in the configuration"
    case .linkNotFollowed(let file, let dataset, .otherFile(let other, let path)):
      "\(file): \(dataset) is a link to \(path) in the file \(other), and other files are not opened; give that one to --in, "
        + "or copy the data into the file, for example with h5copy"
    case .linkNotFollowed(let file, let dataset, .nowhere(let path)),
      .linkNotFollowed(let file, let dataset, .object(let path, _)):
      "\(file): \(dataset) is a soft link to \(path), where there is nothing; correct the link, or copy the data"
    case .notADataset(let file, let path):
      "\(file): \(path) is not a dataset; rename it, or name the right one with `datasets` in the configuration"
    case .rankTooSmall(let file, let dataset, let shape):
      "\(file): \(dataset) has shape \(shape), but samples and features need two axes or more; "
        + "store it as [samples, features]"
    case .noSuchAxis(let file, let dataset, let shape, let axis):
      "\(file): \(dataset) of shape \(shape) has no feature axis \(axis); --feature-axis takes "
        + "1...\(shape.count - 1), or \(1 - shape.count)...-1 from the end"
    case .emptyAxis(let file, let dataset, let shape):
      "\(file): \(dataset) of shape \(shape) has an axis of length 0 besides the samples'; there is nothing to normalize"
    case .notNumeric(let file, let dataset, let type):
      "\(file): \(dataset) holds \(type), not numbers of a known type; convert it to float32 or float64"
    case .wrongShape(let file, let dataset, let shape, let expected, let like):
      "\(file): \(dataset) has shape \(shape), but \(like) needs \(expected); write it with that shape"
        + (expected.count == 1 ? ", or say with --feature-axis where the features are" : "")
    case .wrongMaskShape(let file, let dataset, let shape, let allowed):
      "\(file): \(dataset) has shape \(shape), but a mask has an entry for each sample or position, whatever the feature: "
        + "\(allowed.map { "\($0)" }.joined(separator: " or ")), with 1 for any of the numbers where all share an entry; "
        + "write it with such a shape"
    case .foreignStorage(let file, let dataset, let kind):
      "\(file): \(dataset) keeps its data in other files (\(kind)), which is not followed; copy the data into the file, "
        + "for example with h5repack -l CONTI"
    case .unavailableFilter(let file, let dataset, let filter, let identifier):
      "\(file): \(dataset) is compressed with \(filter) (filter \(identifier)), which this HDF5 library cannot read; "
        + "rewrite it with gzip, for example with h5py where that filter is known"
    case .filterParameters(let file, let dataset, let filter):
      "\(file): \(dataset) has parameters for \(filter) that do not fit its elements; the file is damaged, write it anew"
    case .missingLibrary(let file, let dataset, let filter, let identifier, let library):
      "\(file): \(dataset) is compressed with \(filter) (filter \(identifier)), for which there is no "
        + "library here; \(installing(library)), or rewrite it with gzip"
    case .missingEncoder(let key, let library):
      "the configuration's \(key) needs the library \(library.name), which is not here; \(installing(library)), or choose gzip"
    case .largerThanFile(let file, let dataset, let shape, let byteCount, let fileSize):
      "\(file): \(dataset) of shape \(shape) needs \(bytes(byteCount)), but the file has only \(bytes(fileSize)); "
        + "the file is truncated or damaged, write it anew"
    case .offsetsInvalid(let file, let dataset, let problem):
      "\(file): \(dataset) \(words(problem))"
    case .labelsInvalid(let file, let dataset, let problem):
      "\(file): \(dataset)\(words(problem))"
    case .attributeOutOfRange(let file, let layer, let attribute, let value, let allowed):
      "\(file): attribute `\(attribute)` of \(layer) is \(value ?? "of another type"), but must be "
        + "\(allowed.optionWords); correct it, or override it "
        + "with an option"
    case .noRunningStatistics(let file, let layer, let missing, let similar):
      "\(file): \(layer) has no \(missing.map { "`\($0.rawValue)`" }.joined(separator: " and no ")), with which to normalize by "
        + "running statistics; "
        + (similar.map {
          "name it in the configuration, as in {\"datasets\": {\"\(missing[0].rawValue)\": \"\($0)\"}}"
        }
          ?? "write \(missing.count == 1 ? "it" : "them"), or take mean 0 and variance 1 with {\"datasets\": {"
          + missing.map { "\"\($0.rawValue)\": \"none\"" }.joined(separator: ", ") + "}}")
    case .negativeVariance(let file, let dataset, let feature, let value, let epsilon):
      "\(file): \(dataset)[\(feature)] is \(value), which has no square root, also with the epsilon \(epsilon) added; correct "
        + "it, or give the --epsilon that it was stored with"
    case .nonfiniteGiven(let file, let dataset, let feature, let value, let count):
      "\(file): \(dataset)[\(feature)] is \(value)\(count == 1 ? "" : ", the first of \(count) infinities and NaN"), which "
        + "\"nonfinite\": \"error\" forbids; correct it, or count them with \"nonfinite\": \"count\""

    case .singleValueBatch(let file, let layer, let batch, _):
      "\(file): batch \(batch) of \(layer) has one value per feature, so its variance says nothing; choose another "
        + "--batch-size, or set \"single_value_batch\": \"allow\" for y = beta"
    case .nothingCounts(let file, let layer, let batch):
      "\(file): the mask of \(layer) lets no value of batch \(batch) count, so there are no statistics; correct the mask, "
        + "or set \"single_value_batch\": \"allow\" for y = beta"
    case .partialBatch(let file, let layer, let samples, let batchSize):
      "\(file): the last batch of \(layer) has \(samples) of \(batchSize) samples, which \"partial_batch\": \"error\" "
        + "forbids; choose a --batch-size that divides the samples, or \"keep\" or \"drop\""
    case .nonfinite(let file, let layer, let batch, let feature, let count):
      "\(file): feature \(feature) of \(layer) has \(count == 1 ? "a value that is" : "\(count) values that are") "
        + "infinite or NaN in batch \(batch), which "
        + "\"nonfinite\": \"error\" forbids; repair the data, or count them with \"nonfinite\": \"count\""
    case .overflow(let file, let layer, let batch, let feature, let what):
      "\(file): the \(what == .variance ? "variance" : "gradient of gamma or beta") of feature \(feature) of \(layer) in "
        + "batch \(batch) exceeds the range of double precision, which \"nonfinite\": \"error\" forbids; scale the "
        + "\(what == .variance ? "activations" : "activations or gradients") down, or let the feature be spoiled with "
        + "\"nonfinite\": \"count\""
    case .maskNotANumber(let file, let dataset, let index):
      "\(file): \(dataset)\(index) is NaN, which does not say whether values count; write 0 where they do not, and another "
        + "number where they do"
    case .needsMemory(let file, let layer, let need, let limit, let what):
      "\(file): \(words(what)) of \(layer) needs \(bytes(need)) of memory, but the limit is \(bytes(limit)); "
        + "give --memory \(mebibytes(need))MiB"

    case .sameFile(let input, let output):
      "\(output): is the file \(input) itself, which is read; choose another name, what is read is never changed"
    case .outputExists(let path):
      "\(path): exists already; choose another --out, or replace it with --force"
    case .outputIsFolder(let path):
      "\(path): is a folder; --out takes the name of a file"
    case .outputIsSpecial(let path):
      "\(path): is no regular file; --out takes the name of a file, which is created"
    case .outputFolderMissing(let path, let folder):
      "\(path): cannot be created, there is no folder \(folder); create it first, or choose another --out"
    case .outputNotCreated(let path, let number):
      "\(path): cannot be created: \(words(number)); choose another --out, or check the folder's permissions"
    case .outputBusy(let path, let workspace):
      "\(path): another run writes it, in \(workspace); wait for that one, or choose another --out"
    case .shardBusy(let path, let workspace, let shard):
      "\(path): another process works on shard \(shard.text), in \(workspace); run again when it has ended, or with --wait"
    case .shardDamaged(let path, let workspace, let shard):
      "\(path): what shard \(shard.text) wrote in \(workspace) is not there any more as it was written; run --shard "
        + "\(shard.text) again"
    case .waitsForShards(let path, let workspace, let shard, let missing):
      "\(path): shard \(shard.text) shares batches with others and has done its first turn, in \(workspace); run it again "
        + "when \(missing.count == 1 ? "shard \(missing[0]) has" : "shards \(listed(missing.map { "\($0)" })) have") done "
        + "\(missing.count == 1 ? "its" : "theirs"), or with --wait"
    case .outputTakenOver(let path):
      "\(path): somebody removed or replaced the unfinished file; run again when nothing else writes to it"
    case .outputOfAnotherJob(let path, let differences):
      "\(path): is finished, but by another job: \(words(differences)); choose another --out, or replace it with --force"
    case .workspaceOfAnotherJob(let path, let workspace, let differences):
      "\(path): \(workspace) holds the unfinished work of another job: \(words(differences)); run that job to finish it, start "
        + "over with --force, or choose another --out"
    case .notEnoughSpace(let path, let need, let free):
      "\(path): needs \(bytes(need)), but its file system has \(bytes(free)) free; make room, or write less with "
        + "`outputs` in the configuration"

    case .readFailed(let path, let number):
      "\(path): reading failed: \(words(number)); check the disk and run again"
    case .chunkDamaged(let path, let dataset, let chunk, let error):
      "\(path): the chunk of \(dataset) at \(chunk) is damaged: \(words(error)); write the file anew"
    case .inputTruncated(let path, let dataset):
      "\(path): ends inside \(dataset); the file is truncated, copy or write it anew"
    case .inputChanged(let path):
      "\(path): was changed while it was read; run again when nothing writes to it"
    case .writeFailed(let path, let number):
      "\(path): writing failed: \(words(number)); \(advice(number))"
    case .libraryReadFailed(let path, let error) where error.cause?.contains("version number") == true:
      "\(path): cannot \(error.attempt): its format is newer than HDF5 \(HDF5Library.version) reads; write it with "
        + "h5py.File(..., libver=(\"earliest\", \"v110\"))"
    case .libraryReadFailed(let path, let error) where error.osErrno != nil:
      "\(path): cannot \(error.attempt): \(error.cause ?? error.function); check the disk and run again"
    case .libraryReadFailed(let path, let error):
      "\(path): cannot \(error.attempt): \(error.cause ?? error.function); the file may be damaged"
    case .libraryWriteFailed(let path, let error):
      "\(path): cannot \(error.attempt): \(error.cause ?? error.function); "
        + advice(Errno(rawValue: error.osErrno ?? 0))
    case .outOfMemory(let byteCount):
      "the system has no \(bytes(byteCount)) of memory left; give a smaller --memory"
    case .interrupted:
      "interrupted; no output was written, run the same command to start again"
    case .suspended(let workspace):
      "interrupted; what is finished is in \(workspace), run the same command to go on"
    }
  }

  private func words(_ differences: [JobDifference]) -> String {
    differences.map { difference in
      switch difference {
      case .program(let found, let now): "bn-stream was \(found), now it is \(now)"
      case .libraries(let found, let now): "it was computed with \(found), now there is \(now)"
      case .input: "the input has another size or time of change"
      case .configuration(let keys): "other values of \(keys.joined(separator: ", "))"
      case .plan: "the input's layers or their settings are others"
      case .shards(1?, let now?): "it is divided into 1 shard, not \(now)"
      case .shards(1?, nil): "it is divided into 1 shard, which runs with --shard 0/1"
      case .shards(let found?, let now?): "it is divided into \(found) shards, not \(now)"
      case .shards(let found?, nil):
        "it is divided into \(found) shards, each of which runs with --shard I/\(found)"
      case .shards(nil, _): "it is not divided into shards"
      case .unknown: "it does not say which"
      }
    }.joined(separator: "; ")
  }

  private func words(_ error: Errno) -> String { error.description }

  private func words(_ holders: [LockHolder]) -> String {
    holders.map { "\($0.name ?? "a program") (process \($0.process))" }.joined(separator: ", ")
  }

  private func advice(_ error: Errno) -> String {
    switch error {
    case .noSpace, Errno(rawValue: EDQUOT): "make room on the disk and run again"
    case .fileTooLarge: "the file system or a limit forbids files that large; choose another --out"
    default: "check the disk and run again"
    }
  }

  private func installing(_ library: CompressionLibrary) -> String {
    #if os(macOS)
      switch library {
      case .lzf: "install it with `brew install liblzf`"
      case .zstd: "install it with `brew install zstd`"
      case .lz4: "install it with `brew install lz4`"
      case .blosc: "install it with `brew install c-blosc`"
      case .blosc2: "install it with `brew install c-blosc2`"
      }
    #else
      switch library {
      case .lzf: "install it, on Debian or Ubuntu with `apt-get install liblzf1`"
      case .zstd: "install it, on Debian or Ubuntu with `apt-get install libzstd1`"
      case .lz4: "install it, on Debian or Ubuntu with `apt-get install liblz4-1`"
      case .blosc: "install it, on Debian or Ubuntu with `apt-get install libblosc1`"
      case .blosc2:
        "install it, on Debian 13 or Ubuntu 24.04 with `apt-get install libblosc2-dev`; elsewhere with `pip install blosc2`, whose folder "
          + "blosc2/lib the environment variable LD_LIBRARY_PATH has to name"
      }
    #endif
  }

  private func words(_ error: ChunkCodecError) -> String {
    switch error {
    case .damaged(let filter): "\(filter) cannot decode it to its proper length, or its checksum is wrong"
    case .wrongLength(let count, let expected):
      "it has \(counted(count, "byte", "bytes")) instead of \(expected)"
    case .outOfMemory: "no memory is left to decode it"
    }
  }

  private func words(_ use: MemoryUse) -> String {
    switch use {
    case .smallestPart(let samples): "the smallest part of a batch (\(counted(samples, "sample", "samples")))"
    case .graph(let batch, let samples):
      "the graph of batch \(batch) (\(counted(samples, "sample", "samples")), every node in double precision)"
    case .covariance(1): "the variance of the only feature and its decomposition"
    case .covariance(let features): "the covariance of all \(features) features and its decomposition"
    case .allSamples(1): "holding the only sample, in double precision,"
    case .allSamples(let samples): "holding all \(samples) samples, in double precision,"
    }
  }

  private func words(_ problem: OffsetsProblem) -> String {
    switch problem {
    case .notIntegers(let type): "holds \(type), but batch boundaries are integers; convert it to int64"
    case .notAVector(let shape):
      "has shape \(shape); batch boundaries are a vector, [batches + 1]"
    case .tooFew(let count):
      "has \(counted(count, "entry", "entries")); it needs one more than there are batches, from 0 to the number of samples"
    case .firstIsNotZero(let first): "begins with \(first); the first batch begins at 0"
    case .decreases(let index, let from, let to):
      "decreases from \(from) to \(to) at index \(index); batch boundaries ascend"
    case .lastIsNotSampleCount(let last, let samples):
      "ends with \(last), but there \(samples == 1 ? "is" : "are") \(counted(samples, "sample", "samples")); the last boundary is the number of samples"
    }
  }

  private func words(_ problem: LabelsProblem) -> String {
    switch problem {
    case .notIntegers(let type):
      " holds \(type), but labels are integers, the number of each sample's class; convert it to int64"
    case .notOneForEachSample(let shape, 1):
      " has shape \(shape), but there is 1 sample, which has one class; write it with shape [1]"
    case .notOneForEachSample(let shape, let samples):
      " has shape \(shape), but there are \(samples) samples, each of which has one class; write it with shape [\(samples)]"
    case .negative(let sample, let label):
      "[\(sample)] is \(label), but classes count from 0; give each sample the number of its class, and leave out samples "
        + "that have none"
    }
  }

  /// What a file without layers holds, and a semicolon.
  private func contents(_ datasets: [PresentDataset]) -> String {
    guard !datasets.isEmpty else { return "" }
    let shown = datasets.prefix(3).map { "\($0.path) \($0.shape)" }.joined(separator: ", ")
    return "there is \(shown)\(datasets.count > 3 ? " and more" : ""); "
  }

  /// The name of the dataset that is probably the activations: the largest that looks like nothing else.
  private func likelyActivations(_ datasets: [PresentDataset]) -> String {
    func isSomethingElse(_ name: String) -> Bool {
      if DatasetRole.allCases.contains(where: { $0 != .activations && $0.defaultNames.contains(name) }) {
        return true
      }
      return switch NearName(ofDataset: name) {
      case .role(.activations), nil: false
      default: true
      }
    }
    let names = datasets.map { $0.path.pathComponents.last ?? "x" }
    return names.first { !isSomethingElse($0) } ?? names.first ?? "x"
  }

  private func bytes(_ count: Int) -> String { ByteCount.text(count) }

  /// So many at least. What nothing could have is `Int.max`.
  private func mebibytes(_ count: Int) -> Int { (count >> 20) + (count & 0xF_FFFF == 0 ? 0 : 1) }

  private func listed(_ names: [String]) -> String {
    let shown = names.prefix(5).joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}

extension StreamWarning: CustomStringConvertible {
  /// One line: what it is, where, and what to do.
  public var description: String {
    switch self {
    case .inputNotLocked(let path):
      "\(path) could not be locked on its file system; make sure that nothing writes to it"
    case .batchOffsetsOverride(let layers, let batchSize, _):
      "\(words(layers)) `batch_offsets`, which override the batch size \(batchSize); to set them aside, give "
        + "--ignore-batch-offsets, or {\"datasets\": {\"batch_offsets\": \"none\"}} in --config"
    case .recordedInEvaluation(let layers, _):
      "\(words(layers)) running statistics noted (attribute `statistics`), from evaluation mode; normalize as the model did "
        + "with --statistics running"
    case .skipped(let reason, let paths): words(reason, paths)
    case .numbersRounded(let datasets, let type):
      "the numbers of \(datasets.prefix(3).joined(separator: ", "))"
        + (datasets.count > 3 ? " and " + counted(datasets.count - 3, "more dataset", "more datasets") : "")
        + " (\(type)) are rounded to float64; convert them yourself for another rounding"
    case .nonfiniteGiven(let datasets, let feature, let count):
      count == 1
        ? "\(datasets[0])[\(feature)] is infinite or NaN, and so will be the results of that feature"
        : "\(listed(datasets)) \(datasets.count == 1 ? "holds" : "hold") \(count) infinities or NaN, the first at "
          + "[\(feature)], and so will be the results of such features"
    case .negativeVariance(let datasets, let feature, let value):
      "\(datasets[0])[\(feature)] is \(value)\(datasets.count == 1 ? "" : ", and \(datasets.count - 1) more \(datasets.count == 2 ? "has" : "have") such"), "
        + "which is no variance, as if epsilon had been subtracted; it is used as it is"
    case .similarName(let layers, let missing, let found):
      "\(words(layers)) no `\(missing.rawValue)`, but `\(found)`; if that is it, say so in the configuration: "
        + "{\"datasets\": {\"\(missing.rawValue)\": \"\(found)\"}}"
    case .batchSizesNotRead(let layers, let found):
      "\(words(layers)) no `batch_offsets`, but `\(found)`; if those are the sizes of the batches, write their running sums, "
        + "from 0 to the number of samples, as `batch_offsets`"
    case .weightsNotRead(let layers, let found):
      "\(words(layers)) `\(found)`, which is not read: gamma is called `gamma` or `weight`, and weights of samples are not "
        + "known; rename it, or leave samples out with `mask`"
    case .settingNotRead(let layers, let key, let found, let place):
      "\(words(layers)) \(words(place, found)), which is not read; write it as the attribute `\(key.rawValue)` of the "
        + "layer's group, or give \(key.option ?? "the key")"
    case .configuredNameMissing(let layers, let role, let name, let found):
      "\(words(layers)) no `\(name)`, which `datasets` names as \(role.rawValue), but `\(found)`; correct the name, or do without "
        + "it with {\"datasets\": {\"\(role.rawValue)\": \"none\"}}"
    case .patternUnused(let layers, let role, let pattern):
      "\(words(layers)) nothing at `\(pattern)`, where the configuration looks for \(role.rawValue); correct it, or do without with "
        + "{\"datasets\": {\"\(role.rawValue)\": \"none\"}}"
    }
  }

  private func words(_ place: SettingPlace, _ found: String) -> String {
    switch place {
    case .group: "an attribute `\(found)`"
    case .activations: "an attribute `\(found)` at the activations"
    case .root: "an attribute `\(found)` at the root of the file"
    case .dataset: "a dataset `\(found)`"
    }
  }

  private func words(_ reason: SkipReason, _ paths: [String]) -> String {
    let shown =
      paths.prefix(3).joined(separator: ", ") + (paths.count > 3 ? " and \(paths.count - 3) more" : "")
    func counted(_ one: String, _ several: String) -> String {
      paths.count == 1 ? "a \(one)" : "\(paths.count) \(several)"
    }
    return switch reason {
    case .otherFile:
      "passed over \(counted("link", "links")) into other files, which are not opened: \(shown)"
    case .leadsNowhere: "passed over \(counted("link", "links")) to what is not there: \(shown)"
    case .unreadable:
      "passed over \(counted("damaged object", "damaged objects")) that the HDF5 library cannot read: \(shown)"
    case .nameIsNotText:
      "passed over \(counted("layer", "layers")) whose name is not UTF-8: \(shown); \(paths.count == 1 ? "select it" : "select them") "
        + "with --layer, as shown here, to have \(paths.count == 1 ? "it" : "them") computed"
    case .tooDeep: "passed over what lies more than 64 groups deep: \(shown)"
    }
  }

  private func listed(_ names: [String]) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
  }

  /// The layers as the beginning of a sentence about what they have.
  private func words(_ layers: [String]) -> String {
    let shown = layers.prefix(3).joined(separator: ", ")
    if layers.count > 3 {
      return "\(shown) and \(counted(layers.count - 3, "more layer", "more layers")) have"
    }
    return layers.count == 1 ? "\(shown) has" : "\(shown) have"
  }
}

extension StreamError.FileDifference {
  /// What is unlike the first file.
  fileprivate func words(like first: String) -> String {
    switch self {
    case .layer(let layer, true): "has no layer \(layer), and \(first) has"
    case .layer(let layer, false): "has a layer \(layer), and \(first) has none"
    case .shape(let dataset, let shape, let expected):
      "\(dataset) has shape \(shape), and in \(first) \(expected); only the number of samples may differ"
    case .type(let dataset, let type, let expected): "\(dataset) holds \(type), and in \(first) \(expected)"
    case .role(let layer, let role, true): "\(layer) has no `\(role.rawValue)`, and in \(first) it has"
    case .role(let layer, let role, false): "\(layer) has a `\(role.rawValue)`, and in \(first) it has none"
    case .setting(let layer, let name, let value, let expected):
      "\(name) of \(layer) is \(value), and in \(first) \(expected)"
    case .value(let dataset, let feature, let value, let expected):
      "\(dataset) holds \(value) for feature \(feature), and in \(first) \(expected)"
    }
  }
}
