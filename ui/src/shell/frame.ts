/** What is open in the frame: palette, key help, time panel, navigation drawer. */
import { defineStore } from 'pinia'
import { ref } from 'vue'

export const useFrame = defineStore('frame', () => ({
  palette: ref(false),
  keyHelp: ref(false),
  timePanel: ref(false),
  drawer: ref(false),
}))
