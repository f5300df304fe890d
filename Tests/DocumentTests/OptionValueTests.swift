import Configuration
import StrictJSON
import Testing

@Suite("Values of options", .timeLimit(.minutes(30)))
struct OptionValueTests {
  @Test("batch sizes")
  func batchSizes() throws {
    #expect(try BatchSize(parsing: "256") == .samples(256))
    #expect(try BatchSize(parsing: "all") == .all)
    #expect(BatchSize(samples: 0) == nil)
    for text in ["0", "-1", "1.5", "ALL", "", "1e3", "99999999999999999999"] {
      #expect(refusal(text, as: BatchSize.self) != nil, "\(text)")
    }
  }

  @Test("momenta")
  func momenta() throws {
    #expect(try Momentum(parsing: "0.1") == .exponential(0.1))
    #expect(try Momentum(parsing: "1e-2") == .exponential(0.01))
    #expect(try Momentum(parsing: "none") == .cumulative)
    #expect(Momentum(factor: .nan) == nil)
    for text in ["-0.1", "1.1", "nan", "inf", "0x1p-3", "null", ""] {
      #expect(refusal(text, as: Momentum.self) != nil, "\(text)")
    }
  }

  @Test("epsilons")
  func epsilons() throws {
    #expect(try Epsilon(parsing: "1e-3").value == 1e-3)
    #expect(try Epsilon(parsing: "0").value == 0)
    #expect(try Epsilon(parsing: "-0").value.sign == .plus)
    #expect(Epsilon(.infinity) == nil)
    for text in ["-1", "nan", "infinity", "1e999", "0x1", "1,5", ""] {
      #expect(refusal(text, as: Epsilon.self) != nil, "\(text)")
    }
  }

  @Test("percents, in ascending order however they are given")
  func percents() throws {
    #expect(try Percents(parsing: "85,0,50").values == [0, 50, 85])
    #expect(try Percents(parsing: "33.3").values == [33.3])
    let configuration = try JobConfiguration(json: #"{"quantiles": [100, 15, 50]}"#, source: "test")
    #expect(configuration.quantiles?.values == [15, 50, 100])
    #expect(try Percents(parsing: "50,-0").values.map(\.sign) == [.plus, .plus])
    for text in ["", "50,", "50,50", "-1", "100.1", "nan", "50 60"] {
      #expect(refusal(text, as: Percents.self) != nil, "\(text)")
    }
  }

  @Test("thread counts")
  func threadCounts() throws {
    #expect(try ThreadCount(parsing: "1").count == 1)
    #expect(try ThreadCount(parsing: "1024").count == 1024)
    for text in ["0", "1025", "-1", "two", ""] {
      #expect(refusal(text, as: ThreadCount.self) != nil, "\(text)")
    }
  }

  @Test("shards are one of at most a million")
  func shards() throws {
    #expect(try ShardChoice(parsing: "auto") == .automatic)
    for (text, index, count) in [("0/1", 0, 1), ("3/4", 3, 4), ("999999/1000000", 999_999, 1_000_000)] {
      let shard = try #require(Shard(index: index, count: count))
      #expect(shard.index == index && shard.count == count && shard.text == text)
      #expect(try ShardChoice(parsing: text) == .given(shard))
    }
    for text in ["1/1", "0/1000001", "1000000/1000000", "Auto", "0 / 1", "+1/4", "1/+4", "-0/4", ""] {
      #expect(throws: ValueError(found: text, allowed: .shard), "\(text)") { try ShardChoice(parsing: text) }
    }
  }

  @Test(
    "feature axes resolve from both ends, never to the samples",
    arguments: [
      (1, 2, 1), (1, 4, 1), (3, 4, 3), (4, 4, nil), (-1, 4, 3), (-3, 4, 1), (-4, 4, nil), (-5, 4, nil),
      (1, 1, nil),
      (-1, 1, nil), (1, 0, nil), (.min, 4, nil),
    ] as [(Int, Int, Int?)])
  func featureAxes(index: Int, rank: Int, expected: Int?) throws {
    #expect(try #require(FeatureAxis(index)).resolved(rank: rank) == expected)
  }

  @Test("dataset names: the configured one alone, or the usual ones")
  func datasetNames() throws {
    var names = DatasetNames()
    #expect(names.names(for: .gamma) == ["gamma", "weight"])
    #expect(names.names(for: .runningVariance) == ["running_var", "moving_variance"])
    var without = DatasetNames()
    for role in [DatasetRole.runningMean, .runningVariance] { try? without.setName("none", for: role) }
    #expect(without.names(for: .runningMean).isEmpty && without.names(for: .gamma) == ["gamma", "weight"])
    #expect(names.names(for: .mask) == ["mask"])
    try names.setName("scale", for: .gamma)
    #expect(names.names(for: .gamma) == ["scale"])
    for name in ["", ".", "a/b", "a\0"] {
      #expect(throws: ValueError(found: name, allowed: .datasetName)) { try names.setName(name, for: .beta) }
    }
  }

  @Test("what is called like labels is another role's where the configuration says so, and no other name is")
  func namesOfLabels() throws {
    #expect(DatasetNames().names(for: .labels) == ["labels", "targets"])
    for (name, rest) in [("labels", ["targets"]), ("targets", ["labels"]), ("x", ["labels", "targets"])] {
      let configuration = try JobConfiguration(
        json: #"{"datasets": {"grad_output": "\#(name)"}}"#, source: "bn.json")
      #expect(configuration.datasets.names(for: .labels) == rest)
      #expect(configuration.datasets.names(for: .gradOutput) == [name])
    }
  }
}
