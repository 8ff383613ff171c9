// Nothing was said in the browser's console, no policy was broken, and all that was asked for came.
export const quiet = async (visit) => visit.said;
