import { catalogue } from '../system/language.ts'

/** What each command does, by its name: a line of `sdtool --help`, and the head of its own. */
export const messages = catalogue({
  inspect: 'Show what a model file is, what is in it, and what is wrong with it',
  list: 'List the models in a folder: kinds, sizes, base models, trigger words, duplicates',
  diff: 'Compare two model files tensor by tensor and block by block',
  convert: 'Convert .ckpt, .pt, .bin and .gguf files to safetensors, or change their precision',
  prune: 'Make a checkpoint smaller: keep the EMA weights only, drop junk, use half precision',
  'merge-lora': 'Merge LoRAs of any kind into a checkpoint, and prove that they are in it',
  merge: 'Merge checkpoints with any of eleven methods, with weights for blocks and keys',
  'bake-vae': 'Put a VAE into a checkpoint, all of its tensors or none',
  join: 'Put a UNet or transformer, text encoders and a VAE into one file that programs load whole',
  extract: 'Write one component of a checkpoint to a file that UIs load: the VAE, the UNet, a text encoder',
  'extract lora': 'Make a LoRA from the difference between a fine-tuned model and its base',
  'extract embeddings':
    'Write embeddings: those in a model, LoRA or picture, or one made from the words of a prompt',
  render: 'Render images with a checkpoint straight from its file, with LoRAs that are not merged yet',
  replay: 'Rebuild a file from the recipe in its metadata, and check that it is the same',
  verify: 'Check that a file is intact: structure, values, published hashes, recipe',
  download: 'Download models from Civitai to where your programs look for them, with resume and verification',
  search: 'Search for models on Civitai',
  identify: 'Find out which Civitai models your files are, and whether there are newer versions',
  login: 'Save a Civitai API key for downloads that need one',
  doctor: 'Show which devices can render on this machine, and what the others lack',
  'lora merge': 'Combine LoRAs into one whose effect is exactly the sum of theirs',
  'lora resize': 'Change the rank of a LoRA, or of each of its layers, and show how much that keeps',
  'lora convert': 'Give a LoRA the names that other programs read, with exactly the same effect',
  'lora check':
    'Show what a LoRA changes and where, which of its modules are dead or damaged, and which base it fits',
})
