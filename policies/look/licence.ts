/** What holds the memory of a licence. */
export const LICENCE = "plinth:licensing:Licence";
