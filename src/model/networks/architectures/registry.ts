import type { Architecture } from './architecture.ts'
import { auraFlow } from './auraflow.ts'
import { chroma, chromaRadiance } from './chroma.ts'
import { cogVideoX } from './cogvideox.ts'
import { cogView4 } from './cogview4.ts'
import { anima, cosmosPredict2 } from './cosmos.ts'
import { ernieImage } from './ernie-image.ts'
import { fluxDev } from './flux.ts'
import { longCatImage, ovisImage } from './flux-relatives.ts'
import { flux2 } from './flux2.ts'
import { hiDream } from './hidream.ts'
import { hunyuan } from './hunyuan.ts'
import { ideogram4 } from './ideogram4.ts'
import { kandinsky5 } from './kandinsky5.ts'
import { krea2 } from './krea2.ts'
import { ltx2, ltxVideo } from './ltx.ts'
import { lumina2, newBie } from './lumina2.ts'
import { omniGen2 } from './omnigen2.ts'
import { cascade, cascadeB, namedTransformers, svd } from './others.ts'
import { pixart } from './pixart.ts'
import { qwenImage } from './qwen-image.ts'
import { qwenImage21 } from './qwen-image-21.ts'
import { sana } from './sana.ts'
import { sd1 } from './sd1.ts'
import { sd2, upscaler } from './sd2.ts'
import { sd3Medium, sd35Large, sd35Medium } from './sd3.ts'
import { koala1b, koala700m, kolors, sdxl, ssd1b, vega } from './sdxl.ts'
import { refiner } from './sdxl-refiner.ts'
import { wan } from './wan.ts'
import { zImage } from './z-image.ts'

/**
 * Every architecture sdtool knows. A new one is a file beside this, and a line here. What a file proves is looked for in
 * this order, so that a family stands before those whose proofs its files meet, too.
 */
export const ARCHITECTURES: readonly Architecture[] = [
  sd1,
  sd2,
  upscaler,
  sdxl,
  kolors,
  refiner,
  ssd1b,
  vega,
  koala700m,
  koala1b,
  // before those whose names they share
  ...namedTransformers,
  sd3Medium,
  sd35Medium,
  sd35Large,
  // they have the blocks of Flux.1
  ...hunyuan,
  flux2,
  chromaRadiance,
  chroma,
  ovisImage,
  fluxDev,
  longCatImage,
  zImage,
  newBie,
  lumina2,
  wan,
  hiDream,
  cosmosPredict2,
  anima,
  krea2,
  qwenImage21,
  qwenImage,
  auraFlow,
  kandinsky5,
  omniGen2,
  ernieImage,
  ideogram4,
  ltx2,
  ltxVideo,
  sana,
  pixart,
  cogVideoX,
  cogView4,
  svd,
  cascade,
  cascadeB,
]

export function architectureById(id: string): Architecture | undefined {
  return ARCHITECTURES.find((architecture) => architecture.id === id)
}
