import BatchNormReference
import Configuration
import Foundation
import Jobs
import Parallel
import TestSupport
import Testing

@testable import Explain

/// The topics that train networks, short ones here.
@Suite(.timeLimit(.minutes(30))) struct TrainingTopicTests {
  static let digits = DigitsSample(JobConfiguration()).labelledSamples()
  static let pool = WorkerPool(workerCount: 2, cancellation: Cancellation())

  /// What tools/landscape_twin.py computed in float64 PyTorch from the parameters that `explain landscape --steps 40` recorded.
  struct Twin: Decodable {
    struct Row: Decodable {
      let step: Int
      let loss, lossLow, lossHigh, predictiveness, smoothness: Double
    }
    let without, with: [Row]
  }

  @Test(
    "the landscape is that of a twin in PyTorch, restarted at ten recorded steps", arguments: [false, true])
  func twin(hasBatchNorm: Bool) throws {
    let url = Repository.url.appending(path: "Tests/Fixtures/landscape_twin.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let twin = try decoder.decode(Twin.self, from: Data(contentsOf: url))
    var landscape = Landscape(samples: Self.digits)
    landscape.steps = 40
    let course = try landscape.course(hasBatchNorm: hasBatchNorm) {}
    let rows = hasBatchNorm ? twin.with : twin.without
    #expect(rows.map(\.step) == course.recorded.map(\.step) && rows.count == 10)
    for row in rows {
      // 1e-12 where whole trainings part ways: the parameters are the recorded ones. Both programs round some 10⁵ times.
      func near(_ found: Double, _ expected: Double, _ what: String) {
        #expect(abs(found - expected) <= 1e-12 * abs(expected), "\(what) of step \(row.step)")
      }
      near(course.loss[row.step], row.loss, "loss")
      near(course.lowest[row.step], row.lossLow, "least loss")
      near(course.highest[row.step], row.lossHigh, "greatest loss")
      near(course.predictiveness[row.step], row.predictiveness, "predictiveness")
      near(course.smoothness[row.step], row.smoothness, "smoothness")
    }
  }

  /// The figures of 200 steps in float64 PyTorch, with other random numbers: 1.4 and 0.044, 10.8 and 0.40, 21.9 and 4.2. After 60 steps the
  /// networks are further from the end, and still an order of magnitude lies between the ranges.
  @Test("batch normalization makes the landscape smoother, and threads change nothing")
  func landscape() throws {
    var landscape = Landscape(samples: Self.digits)
    landscape.steps = 60
    let found = try landscape.explanation(Self.pool) {}
    #expect(found.verdict == .held)
    func value(_ quantity: Quantity, _ variant: Variant) throws -> Double {
      try #require(found.measures.first { $0.quantity == quantity && $0.variant == variant }).value
    }
    #expect(try value(.lossRange, .without) > 5 * value(.lossRange, .with))
    #expect(try value(.predictiveness, .without) > 5 * value(.predictiveness, .with))
    #expect(try value(.smoothness, .without) > 2 * value(.smoothness, .with))
    #expect(try value(.lastLoss, .with) < 0.5 * value(.firstLoss, .with))
    #expect(found.series.allSatisfy { $0.values.count == $0.shape.reduce(1, *) })
    landscape.steps = 5
    let one = try landscape.explanation(WorkerPool(workerCount: 1, cancellation: Cancellation())) {}
    let two = try landscape.explanation(Self.pool) {}
    #expect(one.measures == two.measures)
    #expect(one.series.map(\.values) == two.series.map(\.values))
  }

  @Test("where nothing is learned, nothing is shown")
  func flat() throws {
    var landscape = Landscape(samples: Self.digits)
    (landscape.steps, landscape.rate) = (10, 1e-9)
    #expect(try landscape.explanation(Self.pool) {}.verdict == .inconclusive)
  }

  /// What is put after batch normalization moves the mean of a unit by the difference of two shifts, uniform in ±1: 2/3 on average. β
  /// begins at 0 and moves little beside.
  @Test func covariateShift() throws {
    var experiment = CovariateShift(samples: Self.digits)
    experiment.steps = 80
    let found = try experiment.explanation(Self.pool) {}
    func value(_ quantity: Quantity, _ variant: Variant) throws -> Double {
      try #require(found.measures.first { $0.quantity == quantity && $0.variant == variant }).value
    }
    // 320 units: the mean of as many differences of standard deviation √(2/3 - 4/9) is within 5 standard errors.
    #expect(abs(try value(.movementOfMeans, .noisy) - 2.0 / 3) < 5 * (0.2222 / 320).squareRoot() + 0.02)
    #expect(try value(.movementOfMeans, .with) < 0.01)
    #expect(try value(.movementOfMeans, .without) < value(.movementOfMeans, .noisy))
    #expect(try value(.gradientCosine, .with) > value(.gradientCosine, .without))
    #expect(try value(.lastLoss, .noisy) < 0.5 * value(.firstLoss, .noisy))
    #expect(found.verdict == .held)
  }

  /// What is compared is the middle of the steps' movements, and the last tenth of the losses with half of the first.
  @Test(
    arguments: [
      ([0.5, 9, 0.6], [0.4, 0.55, 9], [1, 0.49], []),
      ([0.5, 9, 0.6], [0.7, 0.61, 0.5], [1, 0.4], [.movementOfMeans]),
      ([0.6], [0.6], [1, 0.4], [.movementOfMeans]), ([0.7], [0.6], [1, 0.5], [.lastLoss]),
      ([0.7], [.nan], [1, .nan], [.movementOfMeans, .lastLoss]),
    ] as [([Double], [Double], [Double], [Quantity])])
  func whatSpeaksAgainstShift(noisy: [Double], plain: [Double], loss: [Double], against: [Quantity]) {
    let courses = (
      plain: CovariateShift.Course(loss: [1, 1], movement: plain),
      noisy: CovariateShift.Course(loss: loss, movement: noisy)
    )
    #expect(CovariateShift.against(plain: courses.plain, noisy: courses.noisy) == against)
  }

  /// Definition 2.1 of Santurkar et al. (2018), layer by layer: the gradient of layer i where the layers below it have taken their step, and itself and
  /// those above have not.
  @Test("the shift of gradients is that of the definition", arguments: [Variant.without, .with, .noisy])
  func gradientShift(variant: Variant) throws {
    var experiment = CovariateShift(samples: Self.digits)
    (experiment.steps, experiment.hidden, experiment.rate) = (1, [7, 6, 5, 4], 0.5)
    let course = try experiment.course(variant) {}
    let network = Network(
      inputs: 64, hidden: experiment.hidden, classes: 10, activation: .relu, hasBatchNorm: variant != .without
    )
    let batch = try #require(Array(Self.digits.batches(of: 128, count: 1, seed: 2)).first)
    var random = SplitMix64(seed: 3)
    var noise: Network.Noise?
    if variant == .noisy {
      let scale = [7, 6, 5, 4].map { units in (0..<units).map { _ in 1 + random.nextUnit() } }
      noise = Network.Noise(
        scale: scale, shift: [7, 6, 5, 4].map { units in (0..<units).map { _ in 2 * random.nextUnit() - 1 } })
    }
    func gradients(_ layers: [[Double]]) throws -> [[Double]] {
      let all = try network.pass(layers.flatMap { $0 }, batch.x, batch.labels, noise: noise).gradient
      return network.places.map { Array(all[$0.all]) }
    }
    let start = network.initialParameters(seed: 1)
    let before = network.places.map { Array(start[$0.all]) }
    let old = try gradients(before)
    let after = zip(before, old).map { zip($0, $1).map { $0 - 0.5 * $1 } }
    var (distances, cosines): ([Double], [Double]) = ([], [])
    for layer in 1..<4 {
      let new = try gradients(Array(after[..<layer]) + Array(before[layer...]))[layer]
      func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      let difference = zip(old[layer], new).map { $0 - $1 }
      distances.append(product(difference, difference).squareRoot())
      cosines.append(
        product(old[layer], new) / (product(old[layer], old[layer]) * product(new, new)).squareRoot())
    }
    // Some hundred roundings each.
    #expect(abs(course.distance[0] / (distances.reduce(0, +) / 3) - 1) < 1e-12)
    #expect(abs(course.cosine[0] - cosines.reduce(0, +) / 3) < 1e-12)
    #expect(course.cosine[0] < 0.999)
  }

  /// Networks as they were tried in float64 PyTorch, with other random numbers and 200 steps. Medians of the range there without and with batch
  /// normalization: 3.8 and 0.0036, 1.6 and 0.020, 0.29 and 0.042; and where nothing is learned without it, 0.15 and 0.20.
  @Test(
    "other depths, activations and step sizes",
    arguments: [
      ([64, 64, 64, 64, 64], Network.Activation.relu, 0.5, 40, Verdict?.none),
      (Array(repeating: 64, count: 9), .relu, 0.3, 40, nil), ([100, 100, 100], .sigmoid, 0.5, 60, .held),
      ([64, 64, 64, 64, 64], .sigmoid, 0.5, 40, .inconclusive),
    ])
  func otherNetworks(
    hidden: [Int], activation: Network.Activation, rate: Double, steps: Int, verdict: Verdict?
  ) throws {
    var landscape = Landscape(samples: Self.digits)
    (landscape.hidden, landscape.activation, landscape.rate, landscape.steps) = (
      hidden, activation, rate, steps
    )
    let found = try landscape.explanation(Self.pool) {}
    func value(_ quantity: Quantity, _ variant: Variant) throws -> Double {
      try #require(found.measures.first { $0.quantity == quantity && $0.variant == variant }).value
    }
    // With batch normalization each of them learns, also where the step is too large for the other, or a stack of sigmoids too deep.
    #expect(try value(.lastLoss, .with) < 0.2 * value(.firstLoss, .with))
    #expect(try value(.lastLoss, .without) > 3 * value(.lastLoss, .with))
    for quantity in [Quantity.lossRange, .predictiveness, .smoothness] {
      #expect(try value(quantity, .with) < value(quantity, .without))
    }
    if let verdict { #expect(found.verdict == verdict) }
  }

  @Test func percentiles() throws {
    var experiment = Percentiles(samples: Self.digits)
    experiment.steps = 300
    let with = try experiment.course(hasBatchNorm: true) {}
    let without = try experiment.course(hasBatchNorm: false) {}
    #expect(with.percentiles.count == 30 && with.percentiles[0].count == 100)
    for unit in with.percentiles.joined() { #expect(unit[0] <= unit[1] && unit[1] <= unit[2]) }
    // At the beginning γ = 1 and β = 0: of a nearly Gaussian unit the median is 0 and the others ±1.036.
    let first = with.percentiles[0]
    for (index, expected) in [-1.036, 0, 1.036].enumerated() {
      #expect(abs(first.reduce(0) { $0 + $1[index] } / 100 - expected) < 0.2)
    }
    #expect(with.drift < 0.5 * without.drift)
  }

  @Test(
    "of every topic as many steps are done as were said",
    arguments: Topic.allCases.filter { $0 != .whitening })
  func steps(topic: Topic) throws { try Self.expectAllSteps(of: topic) }

  @Test("of whitening, too", .enabled(if: LinearAlgebra.shared != nil, "LAPACK is not installed"))
  func stepsOfWhitening() throws { try Self.expectAllSteps(of: .whitening) }

  private static func expectAllSteps(of topic: Topic) throws {
    let progress = JobProgress()
    let explanation = try Experiment(
      topic, on: DigitsSample(JobConfiguration()), TrainingSettings(steps: 3), threads: 2, progress: progress,
      cancellation: Cancellation()
    ).explanation(batch: 0)
    #expect(explanation.topic == topic)
    #expect(progress.steps.done == progress.steps.total)
    #expect((progress.steps.total > 0) == (topic.need != .batch))
    // Three steps of each network, however many there usually are.
    let trainings: [Topic: Int] = [.landscape: 2, .covariateShift: 3, .percentiles: 2]
    if let networks = trainings[topic] { #expect(progress.steps.total == 3 * networks) }
  }

  @Test("a training that is asked to stop does")
  func stops() throws {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try Landscape(samples: Self.digits).course(hasBatchNorm: true) { try cancellation.check() }
    }
  }

  /// All batches of such a training together would be 6.5 TB.
  @Test("a long training takes no memory for what comes later")
  func longTraining() throws {
    let batches = Self.digits.batches(of: 128, count: 100_000_000, seed: 9)
    var seen = 0
    for batch in batches.prefix(20) { seen += batch.rows.count }
    #expect(seen == 20 * 128)
  }

  /// By its magnitude, of whichever sign; where there is none, numbers stay as they are.
  @Test(
    "samples are divided by the largest of their numbers",
    arguments: [
      ([-4, 1, 2, 0], [-1, 0.25, 0.5, 0]), ([1, -2, 8, 4], [0.125, -0.25, 1, 0.5]),
      ([0, 0, 0, 0], [0, 0, 0, 0]), ([-2, -1, -4, -8], [-0.25, -0.125, -0.5, -1]),
    ] as [([Double], [Double])])
  func scaled(values: [Double], expected: [Double]) {
    let data = ExplainedData(file: nil, layer: nil, batch: nil, count: 2, features: 2)
    let samples = LabelledSamples(
      data, x: DenseMatrix(rows: 2, columns: 2, values: values), labels: [0, 1])
    #expect(samples.x.values == expected && samples.classes == 2)
  }

  @Test("batches take every sample once in a round")
  func rounds() {
    let batches = Array(Self.digits.batches(of: 500, count: 6, seed: 9))
    #expect(batches.count == 6)
    #expect(batches.allSatisfy { $0.rows.count == 500 })
    #expect(Set(batches[0..<3].flatMap(\.rows)).count == 1500)
    #expect(batches[0].rows != batches[3].rows)
    let batch = batches[4]
    #expect(
      batch.x.values[0..<64].elementsEqual(
        Self.digits.x.values[batch.rows[0] * 64..<(batch.rows[0] + 1) * 64]))
    #expect(batch.labels[7] == Self.digits.labels[batch.rows[7]])
    #expect(Self.digits.x.values.max() == 1)
  }
}
