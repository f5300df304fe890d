import Explain
import FileNames

extension Topic {
  /// What is claimed, in two sentences, and by whom.
  var statement: String {
    switch self {
    case .adjoints:
      "Backwards, a mean over the batch becomes a matrix of ones times 1/m: each value gets its share of the mean's gradient. A row that was "
        + "broadcast over the batch, as beta, becomes a sum over the batch."
    case .identity:
      "With gamma = sqrt(var + epsilon) and beta = mean, batch normalization is the identity. So it takes no expressive power from a network."
    case .saturation:
      "Normalized values lie where a sigmoid is nearly a straight line, so that normalization alone would make it one. gamma and beta can take "
        + "them out of it."
    case .biasDrift:
      "If activations are normalized outside of the gradient step, a bias before them grows without end while output and loss stay the same. "
        + "Inside of it, its gradient is 0."
    case .whitening:
      "Whitening by the whole covariance costs N C^2 + C^3 operations beside N C, and what its eigenvalues allow of precision. Batch normalization "
        + "treats each dimension by itself, and leaves their correlations."
    case .landscape:
      "Batch normalization makes the loss smoother: along the gradient it varies less, and its gradient changes less. So larger steps are safe."
    case .covariateShift:
      "Batch normalization does not work by keeping the distributions of a layer's inputs where they are. With noise after it that moves them "
        + "more than they move without it, the network still trains."
    case .percentiles:
      "While a network of sigmoids learns, the distribution of what enters a unit wanders. With batch normalization it stays where it is."
    }
  }

  /// Who said so.
  var source: String {
    switch self {
    case .adjoints:
      "Kratzert 2016, Understanding the backward pass through Batch Normalization Layer; Ioffe and Szegedy 2015, arXiv:1502.03167, section 3"
    case .identity, .saturation, .whitening: "Ioffe and Szegedy 2015, arXiv:1502.03167, section 3"
    case .biasDrift: "Ioffe and Szegedy 2015, arXiv:1502.03167, section 2"
    case .landscape: "Santurkar et al. 2018, arXiv:1805.11604, figure 4"
    case .covariateShift: "Santurkar et al. 2018, arXiv:1805.11604, figure 2 and definition 2.1"
    case .percentiles: "Ioffe and Szegedy 2015, arXiv:1502.03167, figure 1"
    }
  }

  /// What it means that the data says nothing.
  var inconclusive: String {
    switch self {
    case .landscape:
      "without batch normalization the network did not learn, and where nothing is learned the loss is flat, which is smooth"
    case .covariateShift: "the network with batch normalization did not learn from these samples and labels"
    case .saturation: "no feature varies within the batch"
    case .whitening: "there is no value, or LAPACK's iteration did not end"
    case .biasDrift: "the gradient of every bias is 0"
    case .percentiles: "in ten steps or fewer percentiles are taken once, and nothing is seen to move"
    case .adjoints, .identity: "the numbers do not tell"
    }
  }
}

extension Explanation {
  /// The last line: whether the statement held, and if not, which rows say so.
  var verdictWords: String {
    switch verdict {
    case .held: "HELD: the statement holds on this data"
    case .refuted:
      "DID NOT HOLD: on this data it is otherwise; see " + against.map(\.words).joined(separator: "; ")
    case .inconclusive: "NOT SHOWN: \(topic.inconclusive)"
    }
  }
}

extension Variant {
  /// The head of a column.
  var words: String {
    switch self {
    case .without: "without BN"
    case .with: "with BN"
    case .noisy: "BN and noise"
    case .xHat: "gamma 1, beta 0"
    case .layer: "the layer's"
    case .gamma4: "gamma 4, beta 0"
    case .inside: "inside"
    case .outside: "outside"
    }
  }
}

extension Quantity {
  /// What a row of the table says.
  var words: String {
    switch self {
    case .meanAdjointExplicit: "ones [m, C] / m * dmu, written out, and A^T dmu: largest difference"
    case .meanAdjointGraph: "the same and dx2 of the graph: largest difference"
    case .meanAdjointProducts: "<A x, dmu> and <x, A^T dmu>: difference"
    case .broadcastAdjointProducts: "<1 r, dy> and <r, 1^T dy>: difference"
    case .identityError: "y and x, gamma = sqrt(var + epsilon), beta = mean: largest difference"
    case .standardError: "y and x, gamma = 1, beta = 0: largest difference"
    case .shareInside: "share of values inside -1...1 (Gaussian: 0.6827)"
    case .straightLine: "R^2 of the best straight line through the sigmoid"
    case .constantFeatures: "features that do not vary, left out"
    case .steps: "steps of gradient descent"
    case .biasMoved: "how far the bias moved, in the largest |x| of its feature"
    case .biasMoveError: "that, and steps * gradient: difference"
    case .lossChange: "change of the loss"
    case .outputChange: "change of the output"
    case .insideGradient: "gradient of the bias"
    case .firstLoss: "loss at the first step"
    case .lastLoss: "loss at the end (mean of the last tenth)"
    case .lossRange: "range of the loss along the gradient (median)"
    case .predictiveness: "change of the gradient along it (median)"
    case .smoothness: "effective beta-smoothness (median)"
    case .movementOfMeans: "movement of the units' means in a step (median)"
    case .gradientDistance: "shift of the gradient when layers below move (median)"
    case .gradientCosine: "cosine of the gradients before and after (median)"
    case .covarianceOperations: "operations for the covariance and its eigenvalues, N C^2 + C^3"
    case .dimensionwiseOperations: "operations for variances, N C"
    case .covarianceSeconds: "seconds for the covariance and its eigenvalues"
    case .dimensionwiseSeconds: "seconds for variances"
    case .dimensionsLeftOut: "dimensions left out, without variance of their own"
    case .conditionNumber: "condition number"
    case .effectiveRank: "effective rank, (sum of eigenvalues)^2 / sum of their squares"
    case .whiteningError: "W S W^T and the identity, zero-phase: largest difference"
    case .choleskyError: "the same, Cholesky: largest difference"
    case .remainingCorrelation: "correlation that batch normalization leaves, root mean square"
    case .medianDrift: "wandering of the median, in distances from 15 % to 85 %"
    }
  }
}

extension ExplainError: CustomStringConvertible {
  /// One line: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .noSuchBatch(let batch, let count):
      "the sample has no batch \(batch); --batch takes 0...\(count - 1), or choose another --batch-size"
    case .noLabels(let file, let layer, let similar):
      "\(file): \(layer) has no dataset `labels` with the class of each sample, which this topic trains on; "
        + (similar.map { "name it in the configuration, as in {\"datasets\": {\"labels\": \"\($0)\"}}" }
          ?? "add one of integers, [N], to the layer's group or, for all layers, to a group around it")
    case .tooFewClasses(let file, let dataset, let count):
      "\(file): \(dataset) has \(count == 1 ? "one class only" : "no class"); a network learns to tell two or more apart"
    case .tooManyClasses(let file, let dataset, let count, let limit):
      "\(file): \(dataset) has \(count) different numbers, more than the \(limit) that are taken for classes; give each sample the number "
        + "of its class"
    case .noLAPACK:
      "LAPACK, which has the eigenvalues for this topic, is not installed; on Debian or Ubuntu, install it with `apt-get install liblapack3`"
    case .notFinite(let file, let layer, let count):
      "\(file): \(layer) has \(counted(count, "value that is", "values that are")) infinite or NaN, which no experiment can tell anything from; choose another batch, "
        + "or find them with `run`"
    }
  }
}
