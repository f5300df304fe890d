import BatchNorm
import Parallel

/// How smooth the loss is along the gradient, with and without batch normalization (Santurkar et al. 2018, arXiv:1805.11604, figure 4).
///
/// At each step of a training, points θ - s·η·g on the line along the gradient g at θ, s from ½ to 4: the range of the loss over them;
/// the greatest distance ‖g(s) - g‖ of their gradients, which is how well g predicts; and the greatest ‖g(s) - g‖/‖s·η·g‖, the effective
/// β-smoothness.
struct Landscape {
  let samples: LabelledSamples
  var steps = 200
  var rate = 0.1
  var hidden = [64, 64, 64, 64, 64]
  var activation = Network.Activation.relu
  var batchSize = 128
  var seed: UInt64 = 1

  static let distances = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]
  /// Steps whose parameters are recorded, so that another program can compute the same from there.
  static let recordedSteps = 10

  /// What one training gives, one number for each step.
  struct Course {
    var loss: [Double] = []
    var lowest: [Double] = []
    var highest: [Double] = []
    var predictiveness: [Double] = []
    var smoothness: [Double] = []
    var recorded: [(step: Int, rows: [Int], parameters: [Double])] = []

    var range: [Double] { zip(highest, lowest).map { $0 - $1 } }
    var lastLoss: Double { meanOfLastTenth(loss) }
  }

  func network(hasBatchNorm: Bool) -> Network {
    Network(
      inputs: samples.x.columns, hidden: hidden, classes: samples.classes, activation: activation,
      hasBatchNorm: hasBatchNorm)
  }

  /// The course of one training.
  func course(hasBatchNorm: Bool, step: StepHandler) throws -> Course {
    var training = Training(network(hasBatchNorm: hasBatchNorm), rate: rate, seed: seed)
    var course = Course()
    for (number, batch) in samples.batches(of: batchSize, count: steps, seed: seed + 1).enumerated() {
      try step()
      if number % max(1, steps / Self.recordedSteps) == 0 {
        course.recorded.append((number, batch.rows, training.parameters))
      }
      let here = try training.network.pass(training.parameters, batch.x, batch.labels)
      let length = norm(here.gradient)
      var losses: [Double] = []
      var distances: [Double] = []
      for multiple in Self.distances {
        let there = try training.network.pass(
          training.moved(by: -multiple * rate, along: here.gradient), batch.x, batch.labels)
        losses.append(there.loss)
        distances.append(distance(there.gradient, here.gradient))
      }
      course.loss.append(here.loss)
      course.lowest.append(losses.min() ?? .nan)
      course.highest.append(losses.max() ?? .nan)
      course.predictiveness.append(distances.max() ?? .nan)
      course.smoothness.append(
        zip(distances, Self.distances).map { $0 / ($1 * rate * length) }.max() ?? .nan)
      training.parameters = training.moved(by: -rate, along: here.gradient)
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
        Measure(.lastLoss, variant, course.lastLoss),
        Measure(.lossRange, variant, median(course.range)),
        Measure(.predictiveness, variant, median(course.predictiveness)),
        Measure(.smoothness, variant, median(course.smoothness)),
      ]
      series += [
        Series("\(variant.rawValue)/loss", course.loss),
        Series("\(variant.rawValue)/loss_low", course.lowest),
        Series("\(variant.rawValue)/loss_high", course.highest),
        Series("\(variant.rawValue)/predictiveness", course.predictiveness),
        Series("\(variant.rawValue)/smoothness", course.smoothness),
        Series("\(variant.rawValue)/recorded_steps", course.recorded.map { Double($0.step) }),
        Series(
          "\(variant.rawValue)/recorded_samples",
          [course.recorded.count, course.recorded.first?.rows.count ?? 0],
          course.recorded.flatMap { $0.rows.map(Double.init) }),
        Series(
          "\(variant.rawValue)/recorded_parameters",
          [course.recorded.count, course.recorded.first?.parameters.count ?? 0],
          course.recorded.flatMap(\.parameters)),
      ]
    }
    let (without, with) = (courses[0], courses[1])
    let compared: [(Quantity, KeyPath<Course, [Double]>)] = [
      (.lossRange, \.range), (.predictiveness, \.predictiveness), (.smoothness, \.smoothness),
    ]
    return Explanation(
      .landscape, on: samples.data, measures, series: series,
      against: compared.filter { !(median(with[keyPath: $1]) < median(without[keyPath: $1])) }.map(\.0),
      // Where nothing is learned the loss is flat, and flat is smooth.
      isConclusive: without.lastLoss <= 0.9 * (without.loss.first ?? 0))
  }
}

extension WorkerPool {
  /// The values of `body` in the order of the items, computed side by side.
  func map<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ body: @Sendable (Item) throws -> Value
  ) throws -> [Value] {
    let values = Guarded<[Int: Value]>([:])
    try run(taskCount: items.count) { index in
      let value = try body(items[index])
      values.withLock { $0[index] = value }
    }
    return values.withLock { values in items.indices.compactMap { values[$0] } }
  }
}
