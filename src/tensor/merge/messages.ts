import { catalogue } from '../../system/language.ts'

export const messages = catalogue({
  weightedSum:
    '(1 - alpha) A + alpha B; of more models (1 - alpha1 - alpha2 ...) A + alpha1 B + alpha2 C ...',
  weightedSumSource: 'A1111 "Weighted sum"; with three models "triple sum" of supermerger',
  weightedSumAlpha: 'share of each further model',
  addDifference: 'A + alpha (B - C)',
  addDifferenceSource: 'A1111 "Add difference"',
  addDifferenceAlpha: 'how much of the difference is added',
  trainDifference: 'A + 1.8 alpha (B - C) |B - A| / (|B - C| + |B - A|)',
  trainDifferenceSource: 'supermerger "trainDifference", sd-mecha "train_difference"',
  sumTwice: '(1 - beta) ((1 - alpha) A + alpha B) + beta C',
  sumTwiceSource: 'supermerger "sum Twice"',
  sumTwiceAlpha: 'share of B in the first sum',
  smoothAdd: 'A + alpha gauss(median(B - C)): the difference without its spikes and noise',
  smoothAddSource:
    'supermerger "smoothAdd": scipy median_filter of size 3, then gaussian_filter of sigma 1, over all axes, mirrored at the edges. The slowest method: some tenths of a microsecond per value',
  smoothAddAlpha: 'how much of the smoothed difference is added',
  cosineAlpha: 'how much more of B is taken',
  cosineA:
    'k A + (1 - k) B: A where the two are similar, more of B where they are not; columns are normalised first',
  cosineASource: 'supermerger "cosineA", with its two passes and its 1st and 99th percentile',
  cosineB: 'like cosine-a, but of the values as they are: details of B count less',
  cosineBSource: 'supermerger "cosineB"',
  slerp: '(sin((1 - alpha) w) A + sin(alpha w) B) / sin w, where w is the angle between A and B',
  slerpSource: (nearlyParallel: number) =>
    `mergekit "slerp": the angle of whole tensors; a weighted sum where |cos w| > ${nearlyParallel}. sd-mecha blends directions and norms separately`,
  slerpAlpha: 'position on the arc from A to B',
  ties: 'A + alpha merged(B - A, C - A ...): of each difference the largest values, their elected signs, their mean',
  tiesSource:
    'TIES-Merging (Yadav et al. 2023): per tensor the floor(density n) largest magnitudes, and those equal to the smallest of them; the sign of the sum; the mean of the values that have this sign. sd-mecha counts signs unless it is asked to vote; mergekit weights the models, and keeps all by default',
  tiesAlpha: 'how much of the merged difference is added to A',
  dare: 'A + alpha1 thinned(B - A) + alpha2 thinned(C - A) ...: differences dropped at random, the rest scaled up',
  dareSource:
    'DARE (Yu et al. 2023): each value is kept with probability density and divided by it. sd-mecha and the paper give the probability of dropping, p (density = 1 - p); mergekit also rescales to the L1 norm before dropping',
  dareAlpha: 'how much of the difference of each further model is added',
  tensorSwap:
    'rows of B in place of those of A: a share alpha of them, starting at share beta, wrapping around at the end',
  tensorSwapSource:
    'supermerger "tensor": along the first axis, row numbers rounded down; sd-mecha "tensor_sum" rounds to the nearest',
  tensorSwapAlpha: 'share of rows that are taken from B',
})
