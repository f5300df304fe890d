import BatchNorm
import Parallel

/// Where the inputs of sigmoids lie while a network learns: the 15th, 50th and 85th percentile, with and without batch normalization
/// (Ioffe & Szegedy 2015, figure 1).
struct Percentiles {
  let samples: LabelledSamples
  var steps = 1000
  var rate = 0.5
  var hidden = [100, 100, 100]
  var batchSize = 60
  var seed: UInt64 = 1
  /// The percentiles are taken every so many steps, of long trainings a hundred times.
  private var interval: Int { max(10, steps / 100) }

  static let shares = [0.15, 0.5, 0.85]

  /// Of the units of the last hidden layer.
  struct Course {
    var loss: [Double] = []
    /// [times][units][15th, 50th, 85th]
    var percentiles: [[[Double]]] = []

    /// How far the median wanders, from its least to its greatest, in units of the mean distance from the 15th to the 85th; the median over
    /// the units.
    var drift: Double {
      guard let units = percentiles.first?.count else { return .nan }
      return median(
        (0..<units).map { unit in
          let medians = percentiles.map { $0[unit][1] }
          let distance =
            percentiles.reduce(0) { $0 + $1[unit][2] - $1[unit][0] } / Double(percentiles.count)
          return ((medians.max() ?? 0) - (medians.min() ?? 0)) / distance
        })
    }
  }

  func course(hasBatchNorm: Bool, step: StepHandler) throws -> Course {
    let network = Network(
      inputs: samples.x.columns, hidden: hidden, classes: samples.classes, activation: .sigmoid,
      hasBatchNorm: hasBatchNorm)
    var training = Training(network, rate: rate, seed: seed)
    var course = Course()
    let probe = samples.probe(seed: seed + 3)
    for (number, batch) in samples.batches(of: batchSize, count: steps, seed: seed + 1).enumerated() {
      try step()
      if number % interval == 0 {
        let pass = try network.pass(training.parameters, probe.x, probe.labels, wantsGradient: false)
        let units = pass.preactivations[hidden.count - 1].transposed
        course.percentiles.append(
          (0..<units.rows).map { unit in
            let sorted = units.values[unit * units.columns..<(unit + 1) * units.columns].sorted()
            return Self.shares.map { sorted[Int(($0 * Double(sorted.count - 1)).rounded())] }
          })
      }
      let pass = try network.pass(training.parameters, batch.x, batch.labels)
      course.loss.append(pass.loss)
      training.parameters = training.moved(by: -rate, along: pass.gradient)
    }
    return course
  }

  func explanation(_ pool: WorkerPool, step: @escaping StepHandler) throws -> Explanation {
    let courses = try pool.map([false, true]) { try course(hasBatchNorm: $0, step: step) }
    var measures: [Measure] = []
    var series: [Series] = []
    for (variant, course) in zip([Variant.without, .with], courses) {
      measures += [
        Measure(.firstLoss, variant, course.loss.first ?? .nan),
        Measure(.lastLoss, variant, meanOfLastTenth(course.loss)),
        Measure(.medianDrift, variant, course.drift),
      ]
      series += [
        Series("\(variant.rawValue)/loss", course.loss),
        Series(
          "\(variant.rawValue)/percentiles",
          [course.percentiles.count, hidden[hidden.count - 1], Self.shares.count],
          course.percentiles.flatMap { $0.flatMap { $0 } }),
      ]
    }
    return Explanation(
      .percentiles, on: samples.data, measures, series: series,
      against: courses[1].drift < courses[0].drift ? [] : [.medianDrift],
      // What is looked at once is not seen to move.
      isConclusive: courses.allSatisfy { $0.percentiles.count > 1 })
  }
}
