import HDF5
import Testing

/// How large results lie in the file.
extension KeyEffect {
  static let storage: [KeyEffect] = [
    KeyEffect("output_storage", #"{"output_storage": {}}"#) { before, after throws in
      for results in [before, after] {
        guard case .contiguous? = try results?.layer.dataset("output").storage else {
          Issue.record("not contiguous")
          continue
        }
      }
    },
    stored("layout", #""layout": "chunked""#) { chunks throws in
      #expect(chunks.shape == [8, 3] && chunks.filters == [])
    },
    stored("chunk_samples", #""layout": "chunked", "chunk_samples": 3"#) { chunks throws in
      #expect(chunks.shape == [3, 3] && chunks.filters == [])
    },
    stored("gzip", #""layout": "chunked", "gzip": 7"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["gzip"])
      #expect(chunks.filters.first?.parameters == [7])
    },
    stored("zstd", #""layout": "chunked", "zstd": 5"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["zstd"])
      #expect(chunks.filters.first?.parameters == [5])
    },
    stored("lz4", #""layout": "chunked", "lz4": true, "shuffle": true"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["shuffle", "lz4"])
    },
    stored("bitshuffle", #""layout": "chunked", "bitshuffle": true"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["bitshuffle"])
      #expect(chunks.filters.first?.parameters == [0, 4, 8, 1024])
    },
    stored("bitshuffle", #""layout": "chunked", "bitshuffle": true, "zstd": 2, "fletcher32": true"#) {
      chunks throws in
      #expect(chunks.filters.map(\.name) == ["bitshuffle", "fletcher32"])
      #expect(chunks.filters.first?.parameters == [0, 4, 8, 1024, 3, 2])
    },
    stored("shuffle", #""layout": "chunked", "shuffle": true"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["shuffle"])
    },
    stored("fletcher32", #""layout": "chunked", "fletcher32": true"#) { chunks throws in
      #expect(chunks.filters.map(\.name) == ["fletcher32"])
    },
    stored("fletcher32", #""layout": "chunked", "fletcher32": true, "gzip": 1, "shuffle": true"#) {
      chunks throws in
      #expect(chunks.filters.map(\.name) == ["shuffle", "gzip", "fletcher32"])
    },
  ]

  /// The same numbers in chunks of whole samples.
  private static func stored(
    _ key: String, _ members: String, check: @escaping @Sendable (ChunkLayout) throws -> Void
  ) -> KeyEffect {
    KeyEffect("output_storage.\(key)", #"{"output_storage": {\#(members)}}"#) { before, after throws in
      for name in ["output", "grad_input"] {
        #expect(try after.doubles(name) == before?.doubles(name))
        guard case .chunked(let chunks) = try after.layer.dataset(name).storage else {
          Issue.record("\(name) is not chunked")
          continue
        }
        try check(chunks)
      }
    }
  }
}
