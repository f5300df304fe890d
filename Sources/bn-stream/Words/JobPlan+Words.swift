import Configuration
import FileNames
import HDF5
import Jobs
import LayerFiles

extension JobPlan {
  /// What `--dry-run` shows, with what `inspect` shows of the same layers.
  func summary() throws -> PlanSummary {
    var summary = PlanSummary(
      version: programVersion, input: job.input, output: job.output, configuration: job.configuration,
      threads: job.threads, memoryLimit: job.memory, limits: job.limits,
      layers: try zip(zip(layers, schedules), facts()).map {
        var plan = $0.0.plan($0.1)
        plan.inputs = $1.inputs
        plan.unusedNames = $1.unusedNames
        return plan
      },
      shard: shardPlan, warnings: warnings.map(\.description))
    summary.inputs = job.severalInputs
    return summary
  }
}

extension ResourceLimit {
  /// One line: what is smaller than the machine would allow, why, and how to have more.
  var words: String {
    let authority =
      switch limitedBy {
      case .affinity: "the process's affinity"
      case .controlGroup: "the limit of the control group \(group ?? "")"
      }
    return switch resource {
    case .threads:
      "threads: \(authority) leaves \(allowed) of \(available) processors; another number with --threads"
    case .memory:
      "memory: \(authority) leaves \(ByteCount.text(allowed)) of \(ByteCount.text(available)), of which buffers take a "
        + "quarter; another limit with --memory"
    }
  }
}

extension JobSurvey {
  /// What `inspect` shows.
  var report: FileReport {
    var layers: [LayerReport] = []
    var near: [NearLayer] = []
    for (facts, outcome) in groups {
      switch outcome {
      case .planned(let layer, let schedule):
        layers.append(LayerReport(facts: facts, plan: layer.plan(schedule)))
      case .refused(let error): layers.append(LayerReport(facts: facts, refusal: error.failure))
      case .lacks(let roles): near.append(NearLayer(facts: facts, missing: roles.map(\.rawValue)))
      }
    }
    return FileReport(
      version: programVersion, input: job.input, configuration: job.configuration, threads: job.threads,
      memoryLimit: job.memory, layers: layers, nearLayers: near, refusal: refusal?.failure,
      warnings: warnings.map(\.description))
  }
}

extension StreamError {
  /// The exit code and the very line of a run.
  fileprivate var failure: JobSummary.Failure {
    JobSummary.Failure(code: Int(exitStatus.rawValue), message: description)
  }
}

extension Layer {
  fileprivate func plan(_ schedule: Schedule) -> LayerPlan {
    let (setBytes, sets) = schedule.buffers
    let passes = schedule.passes(self)
    var plan = LayerPlan(
      path: path, shape: activations.shape, elementType: activations.type.kind.rawValue,
      outputType: outputType.kind.rawValue, featureAxis: featureAxis, features: featureCount,
      samples: sampleCount, batches: batches.count, batchSize: batchDivision, passes: passes,
      forwardOnly: gradOutput == nil, schedule: schedule.words, bufferSetBytes: setBytes,
      bufferSets: sets, bytesToRead: schedule.bytesToRead(self), bytesToWrite: outputByteCount)
    if quantileReads > 0 {
      plan.quantileReads = quantileReads
      plan.schedule += "; then read \(quantileReads) times for quantiles"
    }
    if histogramReads > 0 { plan.schedule += "; then read \(histogramReads) times for histograms" }
    plan.settings = settings
    plan.datasets = RoleNames(datasetNames)
    return plan
  }
}

extension Schedule {
  /// In a few words, for people.
  var words: String {
    let division =
      switch division {
      case .wholeBatches(1): "whole batches, \(workers) at once"
      case .wholeBatches(let together):
        "\(together) batches at a time, \(counted(workers, "time", "times")) at once"
      case .segments(let samples, _):
        "each batch in segments of \(counted(samples, "sample", "samples")), \(workers) at once"
      }
    if slicesAtOnce > 1 { return "\(featuresPerSlice) features at a time, \(slicesAtOnce) times at once" }
    return isWhole ? division : "\(featuresPerSlice) features at a time: \(division)"
  }
}

extension InputDataset {
  /// How the data will be read, for the log.
  var sourceWords: String {
    switch storage {
    case .contiguous(nil): "data that was never written, all fill value"
    case .contiguous(.some): "contiguous data, read around HDF5"
    case .chunked where decodableChunks != nil: "chunks, decoded by all threads if several fit in memory"
    default: "data that the HDF5 library reads, one thread at a time"
    }
  }
}

extension Continuation {
  /// What is continued, in a line.
  var words: String {
    // Never 100 % of what is not finished.
    let percent = min(99, Int(share * 100))
    return "goes on with the unfinished work in \(folder), of which \(percent) % is done"
  }
}
